"""The options of ``diptych translate`` that say which style, or which styles for a sheet."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diptych.errors import UsageError
from diptych.tables import as_seed

if TYPE_CHECKING:
    from diptych.pictures.kinds import Stored
    from diptych.translator.styles import ChosenStyle, Style
    from diptych.translator.translator import Translator

MAX_STYLES = 64
"""Of a sheet."""


@dataclass(frozen=True)
class StyleOptions:
    """As the command line gives them."""

    style: str = ""
    """A whole number, numbers by class such as "window=3,door=1", or a way to draw such as "class:7"."""
    style_from: Path | None = None
    style_to: str = ""
    """A whole number or a picture."""
    styles: int = 0

    def __post_init__(self) -> None:
        if self.style and self.style_from is not None:
            raise UsageError("--style and --style-from both say which style; leave one away.")
        if not 0 <= self.styles <= MAX_STYLES:
            raise UsageError(f"--styles is {self.styles}; a sheet has 1 to {MAX_STYLES} styles.")
        if self.style_to and self.styles < 2:
            raise UsageError("--style-to walks to a style; say in how many steps, such as --styles 8.")

    @property
    def any(self) -> bool:
        """Whether a style was chosen, for which the network itself is needed."""
        return bool(self.style or self.style_from or self.styles)

    def of(self, translator: "Translator") -> dict[str, Any]:
        """The style of a job, and the styles of its sheet.

        Raises:
            UsageError: for what is no style of this translator.
        """
        style = self.chosen(translator)
        return {"style": None, "styles": self.sheet(translator, style)} if self.styles else {"style": style}

    def chosen(self, translator: "Translator") -> "Style":
        """The one style that the options name."""
        if self.style_from is not None:
            return read_picture(translator, self.style_from)
        if not self.style:
            return None
        if (seed := as_seed(self.style)) is not None:
            return seed
        if ":" in self.style and "=" not in self.style:  # OASIS's ways to draw its noise
            return self.style
        pairs = [part.partition("=") for part in self.style.split(",")]
        if any(not equals or as_seed(cluster.strip()) is None for _, equals, cluster in pairs):
            raise UsageError(f'--style is "{self.style}"; give a whole number, or classes such as window=3,door=1.')
        return {name.strip(): int(cluster) for name, _, cluster in pairs}

    def sheet(self, translator: "Translator", style: "Style") -> "tuple[ChosenStyle, ...]":
        """Seeds that follow each other, or codes from one style to another in equal steps."""
        first = translator.card.seed if style is None else style
        if isinstance(first, Mapping | str):
            raise UsageError("--styles draws whole styles; give --style a whole number, not classes.")
        if self.style_to:
            seed = as_seed(self.style_to)
            last = read_picture(translator, Path(self.style_to)) if seed is None else seed
            begin, end = translator.style_code(first), translator.style_code(last)
            return tuple(begin + (end - begin) * (step / (self.styles - 1)) for step in range(self.styles))
        if not isinstance(first, int):
            raise UsageError(
                "--styles draws styles by whole numbers; with --style-from give --style-to, to walk there."
            )
        return tuple(range(first, first + self.styles))


def read_picture(translator: "Translator", picture: Path) -> "Stored":
    from diptych.pictures.formats import read

    return read(picture, translator.card.target)
