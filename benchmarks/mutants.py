"""How many small changes of the code the tests notice, by module, and which they do not; `make mutants` runs them first.

mutmut (its settings stand in pyproject.toml) changes one thing at a time and runs the tests that reach the place. A mutant is
killed when a test fails, or runs far longer than before. What survives for a reason stands with that reason in
benchmarks/mutants.toml; all others are printed, as what a line was and what it became.

Usage: python benchmarks/mutants.py
"""

import fnmatch
import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "mutants"
NOTICED = ("killed", "timeout", "segfault")


class Mutant(NamedTuple):
    """One changed line."""

    place: str
    """Module and function, such as "losses.kl" or "training.side.Side.update"."""
    status: str
    was: str = ""
    now: str = ""


def mutants_of(results: Path) -> Iterator[Mutant]:
    """What was done to one module; the lines only of what survived."""
    source = str(results.relative_to(WORK)).removesuffix(".meta")
    for name, code in json.loads(results.read_text())["exit_code_by_key"].items():
        module, _, function = name.partition("__mutmut_")[0].removeprefix("diptych.").rpartition(".x")
        place = f"{module}.{function.lstrip('_ǁ').replace('ǁ', '.')}"
        status = status_by_exit_code[code]
        if status in (*NOTICED, "not checked"):
            yield Mutant(place, status)
            continue
        lines = [line for line in get_diff_for_mutant(name, path=source).split("\n")[2:] if line[:1] in "+-"]
        was, now = (" ".join(line[1:].strip() for line in lines if line[0] == sign) for sign in "-+")
        yield Mutant(place, status, was, now)


def change(was: str, now: str) -> str:
    """What differs of two lines: "old -> new", in whole words."""
    old, new = (re.findall(r"\w+|\s+|[^\w\s]", line) for line in (was, now))
    start = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False))))
    old, new = old[start:], new[start:]
    same = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(reversed(old), reversed(new), strict=False))))
    old, new = (words[: len(words) - same] for words in (old, new))
    return f"{''.join(old).strip()} -> {''.join(new).strip()}".strip()


class Reason(NamedTuple):
    """Why a change need not be noticed."""

    places: str
    line: str
    changes: tuple[str, ...]

    def covers(self, mutant: Mutant) -> bool:
        fits = fnmatch.fnmatchcase(mutant.place, self.places) and self.line in mutant.was
        return fits and (not self.changes or change(mutant.was, mutant.now) in self.changes)


def main() -> None:
    table = tomllib.loads((ROOT / "benchmarks" / "mutants.toml").read_text(encoding="utf-8"))
    reasons = [Reason(entry["in"], entry["line"], tuple(entry.get("changes", ()))) for entry in table["survivor"]]
    shown = Table("module", "mutants", "killed", "share", "survive for a reason", "survive", title="Mutants")
    survivors, used, whole = list[Mutant](), set[Reason](), Counter[str]()
    for results in sorted(WORK.glob("src/**/*.meta")):
        found = [mutant for mutant in mutants_of(results) if mutant.status != "not checked"]
        lived = [mutant for mutant in found if mutant.status not in NOTICED]
        left = [mutant for mutant in lived if not any(reason.covers(mutant) for reason in reasons)]
        used |= {reason for reason in reasons if any(reason.covers(mutant) for mutant in lived)}
        survivors += left
        if found:
            module = str(results.relative_to(WORK / "src" / "diptych")).removesuffix(".py.meta")
            counts = Counter(
                {
                    "all": len(found),
                    "killed": len(found) - len(lived),
                    "reason": len(lived) - len(left),
                    "left": len(left),
                }
            )
            whole += counts
            shown.add_row(module, *in_words(counts))
    shown.add_section()
    shown.add_row("all", *in_words(whole))
    console = Console(width=160)
    console.print(shown)
    for mutant in survivors:
        console.print(f"{mutant.place} ({mutant.status})\n  - {mutant.was}\n  + {mutant.now}", markup=False)
    for reason in reasons:
        if reason not in used:
            console.print(f"benchmarks/mutants.toml: nothing survives as {reason}.", markup=False)


def in_words(counts: Counter[str]) -> list[str]:
    share = f"{counts['killed'] / counts['all']:.1%}" if counts["all"] else ""
    return [str(counts["all"]), str(counts["killed"]), share, str(counts["reason"]), str(counts["left"])]


if __name__ == "__main__":
    main()
