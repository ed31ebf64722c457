"""The options of a settings table, read from its dataclass: name, type, default, and as meaning the comment beside the field."""

import ast
import dataclasses
import inspect
import io
import json
import textwrap
import tokenize
import types
import typing
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from diptych.errors import DiptychError
from diptych.registry import Names

WORDS = {int: "whole number", float: "number", str: "text", bool: "true or false"}


@dataclass(frozen=True)
class Field:
    """One option of one table."""

    key: str  # such as training.seed
    kind: str  # its type or choices, in words
    default: str  # as TOML has it
    meaning: str
    system: str = ""  # whose option it is; empty for data and training


def fields_of(cls: type[Any], place: str, system: str = "") -> list[Field]:
    """The options of the dataclass ``cls``, whose table has the dotted key ``place``.

    Raises:
        DiptychError: where the package was installed without its source.
    """
    said, hints = meanings(cls), typing.get_type_hints(cls, include_extras=True)
    return [
        Field(f"{place}.{one.name}", in_words(hints[one.name]), default_of(one), said.get(one.name, ""), system)
        for one in dataclasses.fields(cls)
    ]


def meanings(cls: type[Any]) -> dict[str, str]:
    """Of each field of ``cls``, and of what it inherits, the comment beside it, or else the lines of comment right above it."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        found |= own_meanings(base) if dataclasses.is_dataclass(base) else {}
    return found


def own_meanings(cls: type[Any]) -> dict[str, str]:
    try:
        source = textwrap.dedent(inspect.getsource(cls))
    except (OSError, TypeError):  # the latter of classes that were typed into an interpreter
        if not cls.__module__.startswith("diptych."):
            return {}
        raise DiptychError(
            "what options mean stands in diptych's source, which is not installed here; see docs/options.md."
        ) from None
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = {token.start[0]: token for token in tokens if token.type == tokenize.COMMENT}
    found = {}
    for node in typing.cast(ast.ClassDef, ast.parse(source).body[0]).body:
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        lines = [line for line in range(node.lineno, (node.end_lineno or node.lineno) + 1) if line in comments]
        if not lines:
            first = node.lineno
            while first - 1 in comments and not comments[first - 1].line[: comments[first - 1].start[1]].strip():
                first -= 1
            lines = list(range(first, node.lineno))
        text = " ".join(comments[line].string.lstrip("# ") for line in lines)
        found[node.target.id] = text.replace("``", "`")
    return found


def in_words(kind: Any, many: bool = False) -> str:
    """A type as a reader of TOML has it; choices as they are written. ``many``: in the plural."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal:
        return ", ".join(json.dumps(choice) for choice in parts)
    if origin is Annotated:
        names = parts[1]
        choices = [*map(json.dumps, names.all()), "or a registered one"] if isinstance(names, Names) else []
        return ", ".join(choices) or in_words(parts[0], many)
    if origin in (Union, types.UnionType):
        return " or ".join(map(in_words, parts))
    if origin is tuple:
        count = "" if parts[1:] == (Ellipsis,) else f"{len(parts)} "
        return f"{'lists' if many else 'list'} of {count}{in_words(parts[0], many=True)}"
    if origin is dict:
        return f"table of {in_words(parts[1], many=True)}"
    return WORDS.get(kind, "table") + "s" * (many and kind in WORDS)


def default_of(field: "dataclasses.Field[Any]") -> str:
    value = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {json.dumps(item)}" for key, item in value.items()) + "}"
    return "see below" if dataclasses.is_dataclass(value) else json.dumps(value)
