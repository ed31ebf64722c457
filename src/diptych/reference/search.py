"""Finding options by key, table, system, another toolkit's name, or words of the field."""

from collections.abc import Iterable, Sequence

from diptych.reference.fields import Field
from diptych.reference.names import Elsewhere, advice_of, also, elsewhere, named_elsewhere, names_elsewhere


def search(fields: Sequence[Field], query: str) -> tuple[Elsewhere | None, list[Field]]:
    """The options that ``query`` names, and the option of another toolkit where it is one of those.

    A key, a table and a system are taken as such; anything else is looked for in names, words and meanings. Those whose own name
    holds it come first.
    """
    wanted = query.strip().lstrip("-").replace("data.target", "data.source").casefold()
    if exact := [field for field in fields if wanted in (field.key, field.system)]:
        return None, exact
    if table := [field for field in fields if field.key.startswith(f"{wanted}.")]:
        return None, table
    other = named_elsewhere(query.strip())
    if other is not None:
        return other, [field for field in fields if other.name in names_elsewhere(field)]
    named = [field for field in fields if plain(wanted) in plain(field.key) or begins_a_word(wanted, also(field))]
    named.sort(key=lambda field: plain(wanted) not in plain(field.key.rpartition(".")[2]))
    texts = [(field, [field.meaning, advice_of(field).change]) for field in fields]
    return None, named or [field for field, said in texts if begins_a_word(wanted, said)]


def words(fields: Sequence[Field]) -> list[str]:
    """Everything that can be looked for."""
    own = {one for field in fields for one in (field.key, field.key.rpartition(".")[2], field.system, *also(field))}
    return sorted(own | elsewhere().keys())


def begins_a_word(wanted: str, texts: Iterable[str]) -> bool:
    """Whether ``wanted`` stands at the beginning of a word in one of the texts."""
    return any(f" {plain(wanted)}" in f" {plain(text)}" for text in texts)


def plain(text: str) -> str:
    """The text in small letters, with blanks between its words."""
    return text.replace("_", " ").replace("-", " ").casefold()
