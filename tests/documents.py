"""The pages of the documentation, their blocks, and the commands on them.

An indented block is commands, a fenced one what its language says; ``text`` is to be read and not to be run.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[1]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "BENCHMARKS.md",
        *sorted(ROOT.glob("docs/**/*.md")),
    ]
}
PAST = ("docs/decisions.md", "docs/experiments.md")
"""Pages that tell what was, with commands that may be no more."""
MARKDOWN = MarkdownIt("commonmark").enable("table")


def blocks(page: str) -> list[tuple[str, str]]:
    """The language and the text of each fenced block; of a directive its name in braces."""
    return [(one.info.strip(), one.content) for one in MARKDOWN.parse(PAGES[page]) if one.type == "fence"]


def python_blocks(page: str) -> list[str]:
    return [text for language, text in blocks(page) if language == "python"]


def shell(page: str, inline: bool = False) -> Iterator[list[str]]:
    """The words of each command in the indented blocks of a page, or of each within a sentence that has diptych in it."""
    tokens = MARKDOWN.parse(PAGES[page])
    for token in sentences(tokens) if inline else tokens:
        if inline and token.type == "code_inline" and "diptych " in token.content:
            yield from simple_commands(token.content)
        elif token.type == "code_block":
            for line in token.content.splitlines():
                yield from simple_commands(line)


def sentences(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield from token.children or []


def simple_commands(line: str) -> Iterator[list[str]]:
    """The commands that a line joins by && or a pipe, without the file that one writes to. Of a line of usage one choice."""
    usage = re.sub(r"\[(--[^]]*)\]", r"\1", line)
    usage = re.sub(r"(\w)\|[\w|-]+", r"\1", usage)
    lexer = shlex.shlex(usage, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, "&&"]:
        if word not in ("&&", "|"):
            words.append(word)
            continue
        if words:
            yield words[: words.index(">") if ">" in words else None]
        words = []


def commands(page: str, inline: bool = False) -> Iterator[list[str]]:
    """The words after ``diptych`` of each command that a page shows."""
    return filter(None, map(after_name, shell(page, inline)))


def after_name(words: list[str]) -> list[str]:
    """What follows ``diptych`` where it is the program, alone, by its path, or started by another."""
    for place, word in enumerate(words):
        program = place == 0 or "=" in words[place - 1] or words[place - 1] == "-m"
        if program and word.rpartition("/")[2] == "diptych":
            return words[place + 1 :]
    return []


def files(page: str) -> dict[str, str]:
    """The files of which a page's blocks are parts, by the name in a comment at the beginning of each."""
    found: dict[str, str] = {}
    for _, text in blocks(page):
        if named := re.match(r"# ([\w.-]+\.(?:py|toml))\n", text):
            found[named[1]] = f"{found.get(named[1], '')}{text}\n"
    return found
