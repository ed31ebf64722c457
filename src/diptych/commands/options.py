"""``diptych options``: the reference of every setting."""

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from diptych.errors import UsageError

if TYPE_CHECKING:
    from diptych.reference.fields import Field


def options(
    *words: Annotated[str, Parameter(allow_leading_hyphen=True)],
    markdown: Annotated[bool, Parameter(negative="", show=False)] = False,
) -> None:
    """Say what settings mean, what they may be, when to change them; all of them, or those that are looked for.

    Examples: diptych options training.seed
    and: diptych options gradient clipping

    Parameters
    ----------
    words
        A key, a table such as data, a system such as cyclegan, another toolkit's name such as lambda_L1, or any word.
    markdown
        Print docs/options.md.
    """
    from diptych.reference.page import answer_of
    from diptych.reference.page import markdown as page
    from diptych.reference.search import search
    from diptych.reference.search import words as all_words
    from diptych.tables import closest

    if markdown and words:
        raise UsageError("--markdown prints the whole reference; leave the words away.")
    fields = every_option()
    if markdown:
        print(page(fields), end="")
        return
    query = " ".join(words)
    other, found = search(fields, query) if query else (None, fields)
    if other is None and not found:
        near = closest(query, all_words(fields))
        raise UsageError(f'no option is called "{query}" or by such a word{near}; `diptych options` lists them all.')
    print(answer_of(other, found))


def every_option() -> "list[Field]":
    """The options of every table; those of a Kind once, as data.source."""
    from diptych.data.augment import Augment
    from diptych.data.settings import DataSettings
    from diptych.pictures.kinds import Kind
    from diptych.recipe import TrainingSettings
    from diptych.reference.fields import fields_of
    from diptych.systems import SYSTEMS

    tables = [(DataSettings, "data", ""), (Augment, "data.augment", ""), (Kind, "data.source", "")]
    tables += [(TrainingSettings, "training", "")]
    tables += [(system.Options, "options", name) for name, system in SYSTEMS.items()]
    return [field for cls, place, system in tables for field in fields_of(cls, place, system)]
