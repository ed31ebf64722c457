"""Convert tables of TOML and JSON to frozen dataclasses and back, strictly.

An unknown key, a wrong type or an impossible value raises a sentence with the dotted key and the known choices.
"""

import dataclasses
import difflib
import json
import math
import tomllib
import types
import typing
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from diptych.errors import UsageError
from diptych.reference.names import answer, values_elsewhere
from diptych.registry import Names, of_your_own

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def closest(word: str, known: typing.Iterable[str]) -> str:
    """`` (did you mean "x"?)`` when a known word is close to ``word``, else empty."""
    near = nearest(word, known)
    return f' (did you mean "{near}"?)' if near else ""


def no_such(what: str, name: str, known: typing.Iterable[str]) -> UsageError:
    """For a name that is none of those ``known``."""
    names = list(known)
    return UsageError(f'there is no {what} "{name}"{closest(name, names)}; choose from {", ".join(names)}.')


def nearest(word: str, known: typing.Iterable[str]) -> str:
    """The known word that is close to ``word``, else empty."""
    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)), "")


def unknown(where: str, known: typing.Iterable[str]) -> UsageError:
    """For a dotted key whose last part is none of those ``known`` in its table, but perhaps of another or another toolkit."""
    listing, (place, _, word) = list(known), where.rpartition(".")
    near = nearest(word, listing)
    if found := answer(where, bool(near)):
        return UsageError(f'"{where}" is not known; {found}.')
    if near and place.partition(".")[0] in ("data", "options", "training"):
        topic = f"{place}.{near}" if place == "options" else place  # of options the system is not known
        return UsageError(f'"{where}" is not known{closest(word, listing)}; `diptych options {topic}` says more.')
    return UsageError(f'"{where}" is not known{closest(word, listing)}; known here: {", ".join(listing)}.')


T = TypeVar("T", bound="DataclassInstance")


class CommandLineValue(typing.NamedTuple):
    """A value's text and its TOML value. A text key takes the text: a folder called 2024_01_15 is no number."""

    text: str
    value: Any

    def __repr__(self) -> str:
        return repr(self.value)


def from_table(cls: type[T], table: Mapping[str, Any], place: str = "") -> T:
    """Build the dataclass ``cls`` from ``table``; ``place`` is the table's dotted key, for messages.

    Raises:
        UsageError: with a sentence that names the key.
    """
    hints = typing.get_type_hints(cls, include_extras=True)
    refuse_unknown(table, [field.name for field in dataclasses.fields(cls)], place)
    return cls(**{key: convert(hints[key], value, dotted(place, key)) for key, value in table.items()})


def dotted(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key


def refuse_unknown(keys: typing.Iterable[str], known: typing.Collection[str], place: str = "") -> None:
    """UsageError for the first key that is not known in the table at ``place``."""
    for key in keys:
        if key not in known:
            raise unknown(dotted(place, key), known)


def convert(kind: Any, value: Any, place: str) -> Any:
    """``value`` as the annotated type ``kind``; a UsageError names ``place``."""
    if kind is Any:
        return value
    origin = get_origin(kind)
    if origin is Annotated:
        base, names = get_args(kind)[:2]
        value = convert(base, value, place)
        refused = isinstance(names, Names) and value not in names
        return one_of(names.all(), value, place, of_your_own(names.table)) if refused else value
    if isinstance(value, CommandLineValue):
        as_text = kind is str or (origin is Literal and all(isinstance(choice, str) for choice in get_args(kind)))
        value = value.text if as_text else value.value
    if origin is Literal:
        return one_of(get_args(kind), value, place)
    if origin in (Union, types.UnionType):
        return first_that_fits(get_args(kind), value, place)
    if origin is tuple:
        return as_tuple(get_args(kind), value, place)
    if origin is dict:
        if not isinstance(value, Mapping):
            hint = f"give each key a value, such as {place}.generator"
            raise UsageError(f'"{place}" must be a table, not {value!r}; {hint}.')
        item_kind = get_args(kind)[1]
        return {str(key): convert(item_kind, item, f"{place}.{key}") for key, item in value.items()}
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        if not isinstance(value, Mapping):
            raise UsageError(f'"{place}" must be a table, not {value!r}.')
        return from_table(kind, value, place)
    return as_scalar(kind, value, place)


def one_of(choices: typing.Sequence[Any], value: Any, place: str, more: str = "") -> Any:
    if any(value == choice and type(value) is type(choice) for choice in choices):  # 3.0 and True are no whole numbers
        return value
    listing, known = ", ".join(json.dumps(choice) for choice in choices), values_elsewhere(place)
    here = known.get(str(value).casefold())
    near = f" (here it is {here})" if here else closest(str(value), map(str, choices))
    raise UsageError(f'"{place}" is {value!r}{near}; choose from {listing}.{more}')


def first_that_fits(kinds: tuple[Any, ...], value: Any, place: str) -> Any:
    complaints = []
    for kind in kinds:
        try:
            return convert(kind, value, place)
        except UsageError as complaint:
            complaints.append(str(complaint))
    raise UsageError(" Or: ".join(complaints))


def as_tuple(kinds: tuple[Any, ...], value: Any, place: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise UsageError(f'"{place}" must be a list, not {value!r}.')
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = (kinds[0],) * len(value)
    if len(kinds) != len(value):
        raise UsageError(f'"{place}" must be a list of {len(kinds)} values, not of {len(value)}.')
    return tuple(convert(kind, item, f"{place}[{i}]") for i, (kind, item) in enumerate(zip(kinds, value, strict=True)))


def as_scalar(kind: type, value: Any, place: str) -> Any:
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise UsageError(f'"{place}" is a number beyond what can be counted; it must have 18 digits at most.')
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        names = {int: "a whole number", float: "a number", str: "a text in quotes", bool: "true or false"}
        raise UsageError(f'"{place}" must be {names.get(kind, kind.__name__)}, not {value!r}.')
    if isinstance(value, float) and not math.isfinite(value):
        raise UsageError(f'"{place}" is {value}; it must be a finite number.')
    return value


def to_table(settings: Any) -> dict[str, Any]:
    """The dataclass as nested dicts and lists with every key."""
    table: dict[str, Any] = with_lists(dataclasses.asdict(settings))
    return table


def with_lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: with_lists(item) for key, item in value.items()}
    return [with_lists(item) for item in value] if isinstance(value, list | tuple) else value


def flatten(table: Mapping[str, Any], place: str = "") -> dict[str, Any]:
    """Nested tables as one with dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        where = dotted(place, key)
        flat |= flatten(value, where) if isinstance(value, Mapping) else {where: value}
    return flat


def chosen_names(settings: Any) -> dict[str, list[str]]:
    """What the options of a dataclass name in tables, by the word for a table's entry."""
    found: dict[str, list[str]] = {}
    for name, kind in typing.get_type_hints(type(settings), include_extras=True).items():
        if get_origin(kind) is Annotated and isinstance(names := get_args(kind)[1], Names):
            found.setdefault(names.table.word, []).append(getattr(settings, name))
    return found


def as_seed(text: str) -> int | None:
    """The whole number that a text is; None where it is none, or too large for a seed."""
    return int(text) if text.isdecimal() and int(text) < 2**63 else None


def quoted(text: str) -> str:
    """A text of any letters as an override's value, which TOML reads as that text."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def as_word(value: Any) -> str:
    """A value as it is typed behind ``key=``; a text in quotes where TOML would take it for another, or in a list."""
    if isinstance(value, list):
        return f"[{', '.join(quoted(one) if isinstance(one, str) else str(one) for one in value)}]"
    typed = as_typed(value) if isinstance(value, str) else None
    as_it_is = typed is None or (value and (typed == value or isinstance(typed, CommandLineValue)))
    return str(value) if as_it_is else quoted(value)


def as_typed(text: str) -> Any:
    """A quoted text or a table as TOML has it; anything else with the words that were typed."""
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    return value if isinstance(value, str | dict) else CommandLineValue(text, value)
