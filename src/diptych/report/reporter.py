"""Assemble the report and write it as one HTML file."""

import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib import resources
from pathlib import Path

import filelock

from diptych.errors import DiptychError, NoSpaceError
from diptych.files import write_text
from diptych.report import plots
from diptych.report.curves import whole
from diptych.report.facts import EVENTS, Facts, gather
from diptych.report.pictures import SHEETS, embedded
from diptych.report.texts import Texts, best, card_sentence, duration

REFRESH = 30  # seconds after which the page of a running training reloads


@cache
def plotting() -> str:
    """The source of plotly.js.

    Raises:
        DiptychError: when it is not installed.
    """
    try:
        from plotly.offline import get_plotlyjs  # an extra
    except ImportError:
        raise DiptychError("a report needs plotly: pip install 'diptych[report]'.") from None
    script: str = get_plotlyjs()
    return script


def write_page(facts: Facts, place: Path) -> list[Path]:
    """Write the page; returns the pictures that cannot be read, which are left out.

    Raises:
        DiptychError: when the page cannot be written, or plotly is missing.
    """
    plotting()
    sheets = [sheet for _, _, sheet in facts.evaluations if sheet.is_file()][-SHEETS:]
    pictures = dict.fromkeys([*facts.grids, *sheets], "")
    for path in pictures:
        with suppress(OSError):
            stamp = path.stat()
            tile = facts.tile if path in facts.grids else None
            pictures[path] = embedded(path, tile, (stamp.st_mtime_ns, stamp.st_size))
    write_text(place, page(facts, pictures))
    return [path for path, shown in pictures.items() if not shown]


def page(facts: Facts, pictures: dict[Path, str]) -> str:
    """The page's HTML."""
    from jinja2 import Environment, StrictUndefined  # an extra

    grids = [
        {"step": int(path.stem) if path.stem.isdecimal() else 0, "src": pictures[path]}
        for path in facts.grids
        if pictures.get(path)
    ]
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"thousands": "{:,}".format, "step": lambda value: f"{whole(value):,}"}
    return environment.from_string(asset("page.html")).render(
        facts=facts,
        texts=Texts(facts),
        pictures=pictures,
        names=plots.SCORES,
        most=EVENTS,
        sentence_of=card_sentence,
        best=best,
        duration=duration(facts.log.get("steps_per_second")),
        style=asset("style.css"),
        plotly=plotting(),
        script=asset("script.js"),
        refresh=REFRESH if facts.live else 0,
        written=int(time.time()),
        plots=plots.plots(facts),
        troubles=plots.troubles(facts),
        grids=plots.as_script(grids),
        damaged=[path.name for path, shown in pictures.items() if not shown],
    )


def asset(name: str) -> str:
    return (resources.files("diptych.report") / "page" / name).read_text(encoding="utf-8")


def write(folder: Path, place: Path | None = None) -> Path:
    """Write the report of a run folder once.

    Raises:
        DiptychError: when the folder is no run, has no log, the page cannot be written, or plotly is missing. When pictures cannot
            be read it is raised after the page was written without them.
    """
    facts = gather(folder)
    if not facts.log and not facts.scores:
        raise DiptychError(f"{folder} has nothing to show yet: log.jsonl and scores.jsonl are empty; train it first.")
    facts.trained_now = in_use(folder)
    place = place or folder / "report.html"
    if damaged := write_page(facts, place):
        raise DiptychError(
            f"{damaged[0]} cannot be read ({len(damaged)} damaged in all): {place} is written without; "
            f"remove or replace it and run the same command again."
        )
    return place


def in_use(folder: Path) -> bool:
    """Whether a training holds the run's lock."""
    lock = folder / ".lock"
    if not lock.is_file():
        return False
    try:
        with filelock.FileLock(lock, timeout=0):
            return False
    except filelock.Timeout:
        return True
    except OSError:
        return False


class LiveReport:
    """A report that training rewrites. A problem is logged once; only a full disk stops the training."""

    def __init__(self, folder: Path, log: Callable[[str], None]) -> None:
        self.folder = folder
        self.log = log
        self.logged: set[str] = set()

    def log_once(self, message: str) -> None:
        if message not in self.logged:
            self.log(message)
        self.logged.add(message)

    def write(self) -> Path | None:
        """Write the page; its path, or None when it was not written.

        Raises:
            DiptychError: when the disk is full, which stops the training's own files too.
        """
        place = self.folder / "report.html"
        try:
            damaged = write_page(gather(self.folder), place)
        except NoSpaceError:
            raise
        except Exception as problem:  # a report must not end a training
            self.log_once(f"report.html is not kept up: {problem}")
            return None
        for path in damaged:
            self.log_once(f"{path} cannot be read; report.html is written without.")
        return place
