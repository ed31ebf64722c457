"""The pages of the documentation, their blocks, and the commands on them."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

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
FENCED = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^ {4,}(.*\bdiptych .*)$", re.MULTILINE)
INLINE = re.compile(r"`([^`\n]*\bdiptych [^`\n]*)`")


def blocks(page: str) -> list[tuple[str, str]]:
    """The language and the text of each fenced block."""
    return [(language, dedent(text)) for _, language, text in FENCED.findall(PAGES[page])]


def python_blocks(page: str) -> list[str]:
    return [text for language, text in blocks(page) if language == "python"]


def commands(page: str, inline: bool = False) -> Iterator[list[str]]:
    """The words after ``diptych`` of each command that a page shows; of a line of usage one choice, brackets left out."""
    for line in (INLINE if inline else INDENTED).findall(FENCED.sub("", PAGES[page])):
        usage = re.sub(r"\[(--[^]]*)\]", r"\1", line)
        usage = re.sub(r"(\w)\|[\w|-]+", r"\1", usage)
        lexer = shlex.shlex(usage, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, "&&"]:
            if word not in ("&&", "|", ">"):
                words.append(word)
                continue
            if called := after_name(words):
                yield called
            words = []


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
