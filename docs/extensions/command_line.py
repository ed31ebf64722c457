"""The reference of the command line, made from the commands themselves where a page says `<!-- every command -->`."""

import inspect
import re
from collections.abc import Iterator
from typing import Any

from cyclopts import App
from cyclopts.argument import Argument
from docstring_parser import parse
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

from diptych.cli import app as diptych

PLACE = "<!-- every command -->"
EXAMPLE = re.compile(r"^(.*:) (diptych .*)$", re.MULTILINE)
POSITIONAL = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)


def commands(app: App, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], App]]:
    """Every command that help shows, with its words, in the order of help."""
    for name in app:
        if not name.startswith("-") and app[name].show:
            yield (*words, name), app[name]
            yield from commands(app[name], (*words, name))


def section(words: tuple[str, ...], command: App) -> str:
    """One command: usage, what it does, and its arguments and options."""
    name = " ".join(words)
    heading = f"{'#' * len(words)} {name}"
    if command.default_command is None:
        return f"{heading}\n\n{command.help}"
    told = parse(inspect.getdoc(command.default_command) or "")
    arguments = [one for one in command.assemble_argument_collection(parse_docstring=True) if one.show]
    positional = [one for one in arguments if one.field_info.kind in POSITIONAL]
    named = [one for one in arguments if one not in positional]
    required = [signature(one).replace(", -o", "") for one in named if one.required]
    optional = ["[OPTIONS]"] if len(required) < len(named) else []
    usage = " ".join([name, *map(bracketed, positional), *required, *optional])
    about = EXAMPLE.sub(r"\1\n\n    \2\n", told.long_description or "")
    parts = [heading, f"    {usage}", escaped(told.short_description or ""), about]
    return "\n\n".join([*parts, f"```{{program}} {name}\n```", *map(entry, [*positional, *named])])


def bracketed(argument: Argument) -> str:
    several = "..." if argument.field_info.kind is inspect.Parameter.VAR_POSITIONAL else ""
    return f"{signature(argument)}{several}" if argument.required else f"[{signature(argument)}{several}]"


def signature(argument: Argument) -> str:
    """How it is typed: RUN, --grid, --check, --no-check, or --out, -o PATH."""
    if argument.field_info.kind in POSITIONAL:
        return str(argument.field_info.name).upper().rstrip("_")
    plain = [name for name in argument.names if name not in argument.negatives]
    if argument.hint is bool:
        return ", ".join([*plain, *(argument.negatives if argument.field_info.default is True else ())])
    return f"{', '.join(plain)} {metavar(argument.hint)}"


def metavar(hint: Any) -> str:
    words = {"Path": "PATH", "int": "N", "float": "X"}
    found = [name for word, name in words.items() if re.search(rf"\b{word}\b", str(hint))]
    return found[0] if found else "TEXT"


def entry(argument: Argument) -> str:
    default = argument.field_info.default
    shown = default is not inspect.Parameter.empty and default not in (None, "", (), True, False)
    parts = [escaped(argument.parameter.help or ""), "Required." if argument.required else ""]
    parts += [f"Default: `{default}`." if shown else ""]
    return f"````{{option}} {signature(argument)}\n{' '.join(filter(None, parts))}\n````"


def escaped(text: str) -> str:
    return re.sub(r"([*<])", r"\\\1", text)


def fill(_: Sphinx, __: str, source: list[str]) -> None:
    """Put the reference into the page that asks for it."""
    if PLACE in source[0]:
        every = "\n\n".join(section(words, command) for words, command in commands(diptych, ("diptych",)))
        source[0] = source[0].replace(PLACE, every)


def setup(app: Sphinx) -> ExtensionMetadata:
    app.connect("source-read", fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
