"""Put the page together and write it as one file."""

from collections.abc import Callable
from functools import cache
from html import escape
from importlib import resources
from pathlib import Path
from string import Template

from diptych.errors import DiptychError
from diptych.files import write_text
from diptych.report import words
from diptych.report.facts import Facts, embedded, gather

REFRESH = 30  # seconds after which a live page loads itself anew


@cache
def plotting() -> str:
    """The plotting library, whole.

    Raises:
        DiptychError: when it is not installed.
    """
    try:
        from plotly.offline import get_plotlyjs  # an extra
    except ImportError:
        raise DiptychError("a report needs plotly: pip install 'diptych[report]'.") from None
    script: str = get_plotlyjs()
    return script


def part(name: str) -> str:
    return (resources.files("diptych.report") / "page" / name).read_text(encoding="utf-8")


class Reporter:
    """Writes the report of a run again and again; pictures are encoded once."""

    def __init__(self, folder: Path, place: Path | None = None) -> None:
        self.folder = folder
        self.place = place or folder / "report.html"
        self.pictures: dict[Path, str] = {}

    def write(self) -> Path:
        """Write the page as the folder stands now.

        Raises:
            DiptychError: when the folder is no run, the page cannot be written, or plotly is missing.
        """
        facts = gather(self.folder)
        wanted = [*facts.grids, *(sheet for _, _, sheet in facts.evaluations)]
        self.pictures = {path: self.pictures.get(path) or embedded(path) for path in wanted}
        write_text(self.place, page(facts, self.pictures))
        return self.place


def page(facts: Facts, pictures: dict[Path, str]) -> str:
    """The whole page."""
    grids = [
        {"step": int(path.stem) if path.stem.isdigit() else 0, "src": pictures[path]}
        for path in facts.grids
        if pictures.get(path)
    ]
    return Template(part("page.html")).substitute(
        title=escape(facts.name),
        style=part("style.css"),
        plotly=plotting(),
        script=part("script.js"),
        refresh=REFRESH if facts.live else 0,
        summary=words.summary(facts),
        tiles=words.tiles(facts),
        plots=words.plots(facts),
        grids=words.as_script(grids),
        events=words.events(facts),
        evaluations=words.evaluations(facts, pictures),
        cards=words.cards(facts),
        settings=words.settings(facts),
        environment=words.environment(facts),
    )


def write(folder: Path, place: Path | None = None) -> Path:
    """The report of a run folder, written once."""
    return Reporter(folder, place).write()


class Standing:
    """A report that is kept up while training; what prevents it is told once and stops nothing."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self.reporter: Reporter | None = Reporter(folder)
        self.say = say

    def write(self) -> Path | None:
        if self.reporter is None:
            return None
        try:
            return self.reporter.write()
        except DiptychError as problem:
            self.say(f"{self.reporter.place} is not kept up: {problem}")
            self.reporter = None
            return None
