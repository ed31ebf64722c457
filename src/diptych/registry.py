"""Tables of names that users' code adds to, and whence that code came.

A table holds our own entries and those that are registered (``diptych.register``). Code registers when it is imported: by its
user, by ``--import`` on the command line, or as an installed package with an entry point of the group ``diptych.plugins``. Packages
are imported when a name is asked for that is not ours, or when all names are. A run, a card and a recipe say whose
code they need in words alone: what a file names is never imported because the file names it.
"""

import os
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module, util
from pathlib import Path
from threading import RLock
from types import ModuleType
from typing import Any, TypeVar

from diptych.errors import DiptychError, UsageError

GROUP = "diptych.plugins"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
MODULE = re.compile(r"\w[\w.-]*")
ORIGIN = re.compile(r"(file|module|package):([\w.-]+)")
"""Whose code registered a name, as cards and recipes keep it: file:mine.py, module:my.module or package:my-package."""

T = TypeVar("T")
TABLES: dict[str, "Table[Any]"] = {}
"""Every table, by the word for one of its entries."""


class Table(Mapping[str, T]):
    """Entries by name, ours and those that were registered."""

    def __init__(self, word: str, ours: dict[str, T], reserved: Sequence[str] = ()) -> None:
        """``word`` is what one entry is called; ``reserved`` names can be nobody's."""
        self.word, self.ours = word, ours
        self.reserved = set(reserved)
        self.added: dict[str, T] = {}
        self.makers: dict[str, tuple[str, list[tuple[object, ...]]]] = {}
        """Of each name that was added the origin, and what tells whether the same is registered again."""
        TABLES[word] = self

    def __getitem__(self, name: str) -> T:
        if name in self.ours:
            return self.ours[name]
        self.look_for(name)
        return self.added[name]

    def __iter__(self) -> Iterator[str]:
        PACKAGES.load()
        return iter([*self.ours, *self.added])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def add(self, name: str, entry: T, *made: Any) -> None:
        """Register an entry; ``made`` are the user's class or functions, which alone may take their own place again.

        Raises:
            UsageError: for a name that is taken, or none.
        """
        maker = (origin_of(made[0]), [identity(one) for one in made])
        if not NAME.fullmatch(name):
            raise UsageError(f'"{name}" is no name for a {self.word}; write letters, digits, - and _.')
        known = self.makers.get(name)
        if name in self.ours or name in self.reserved or (known and known[1] != maker[1]):
            whose = f"registered by {words_of(known[0])}" if known else "diptych's own"
            raise UsageError(f'the {self.word} "{name}" is there already, {whose}; choose another name.')
        self.added[name], self.makers[name] = entry, maker

    def origin(self, name: str) -> str:
        """Whose code registered the name; empty for ours, and where nobody's did."""
        if name not in self.ours:
            self.look_for(name)
        return self.makers[name][0] if name in self.makers else ""

    def look_for(self, name: str) -> None:
        """Import the packages where one of them might register the name."""
        if name not in self.added and name not in self.reserved and NAME.fullmatch(name):
            PACKAGES.load()

    def registered(self) -> list[str]:
        """All names that are not ours."""
        PACKAGES.load()
        return list(self.added)


class Names:
    """Of an option that names an entry of a table: some of ours, or any that is registered. ``Annotated[str, Names(...)]``."""

    def __init__(self, table: Table[Any], *ours: str) -> None:
        self.table, self.ours = table, ours
        table.reserved |= set(ours)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and (name in self.ours or (name in self.table and name not in self.table.ours))

    def all(self) -> list[str]:
        return [*self.ours, *self.table.registered()]


# Whose code


def words_of(origin: str) -> str:
    """``the package my-package`` of ``package:my-package``; a foreign text is not repeated."""
    found = ORIGIN.fullmatch(origin)
    kind, name = found.groups() if found else ("", "")
    return {"file": name, "module": f"the module {name}", "package": f"the package {name}"}.get(kind, "other code")


def remedy_for(origin: str) -> str:
    """How that code is had."""
    found = ORIGIN.fullmatch(origin)
    if found is None or found[2] == "__main__":
        return "import the code that registers it, on the command line by --import FILE"
    if found[1] == "package":
        return f"pip install {found[2]}, if you trust it"
    return f"add --import {found[2]}, or import it in Python"


def of_your_own(table: "Table[Any]") -> str:
    """For the end of a sentence about a name that a table lacks, which nobody is known to have registered."""
    return f" Another {table.word} is registered by code of yours: --import FILE."


def require(needed: Mapping[str, Mapping[str, str]], place: object) -> None:
    """Refuse what names code that is not here; ``needed`` has the origins by table and name, as ``needs`` gives them.

    Raises:
        DiptychError: naming the place, the name, whose code it is, and the remedy.
    """
    for word, names in needed.items():
        for name, origin in names.items():
            if name not in TABLES.get(word, {}):
                raise DiptychError(
                    f'{place} needs the {word} "{name}", which {words_of(origin)} had registered; {remedy_for(origin)}.'
                )


def needs(names: Mapping[str, Sequence[str]]) -> dict[str, dict[str, str]]:
    """Of names by the word for their table those that are not ours, with the origin of each."""
    found = {word: {name: TABLES[word].origin(name) for name in some} for word, some in names.items()}
    whole = {word: {name: origin for name, origin in some.items() if origin} for word, some in found.items()}
    return {word: some for word, some in whole.items() if some}


# Bringing code in

ORIGINS: list[str] = []
"""Whose code is being imported: of imports inside one another the one that registers, last."""
IMPORTED: dict[str, str] = {}
"""What ``import_code`` has imported, with the whole paths of files, and how each was named."""


def origin_of(made: Any) -> str:
    return ORIGINS[-1] if ORIGINS else f"module:{made.__module__}"


def identity(made: Any) -> tuple[object, ...]:
    """The module and name of a class or function; lambdas share one, so also their code."""
    shared = made.__qualname__.endswith("<lambda>")
    # code compares by its line and content, not by its file, whose name is another when a cell runs again
    return (made.__module__, made.__qualname__, made.__code__ if shared else None)


@contextmanager
def from_origin(origin: str, apart: bool = False) -> Iterator[None]:
    """What is registered meanwhile is from there; inside another import only if it is ``apart``, not that one's part."""
    ORIGINS.append(ORIGINS[-1] if ORIGINS and not apart else origin)
    try:
        yield
    finally:
        ORIGINS.pop()


class Packages:
    """The installed packages that have entry points of the group; imported once."""

    def __init__(self) -> None:
        self.begun = False
        self.problem = ""
        self.lock = RLock()
        """Other threads wait; the one that imports may ask again."""

    def load(self) -> None:
        """Import them, unless that was done.

        Raises:
            DiptychError: naming the package that cannot be imported.
        """
        with self.lock:
            if self.problem:
                raise DiptychError(self.problem)
            if self.begun:
                return
            self.begun = True
            from importlib.metadata import entry_points  # which takes time

            for point in sorted(entry_points(group=GROUP)):
                package = point.dist.name if point.dist else point.name
                try:
                    with from_origin(f"package:{package}", apart=True):
                        point.load()
                except (Exception, SystemExit) as problem:
                    self.problem = (
                        f"the package {package} adds to diptych and cannot be imported ({reason(problem)}); "
                        f"update it, or pip uninstall {package}."
                    )
                    raise DiptychError(self.problem) from None


PACKAGES = Packages()


def import_code(word: str) -> None:
    """Import a file such as ``mine.py``, or a module such as ``my.module``, so that it registers what it has.

    Raises:
        UsageError: when there is no such file or module, or a file has the name of another module.
        DiptychError: when it cannot be imported, with the line.
    """
    path = Path(word)
    is_file = path.suffix == ".py" or path.is_file() or not MODULE.fullmatch(word)
    origin = f"file:{path.name}" if is_file else f"module:{word}"
    try:
        with from_origin(origin):
            import_file(path) if is_file else import_named(word)
    except UsageError as problem:
        raise UsageError(f"--import {word}: {problem}") from None
    except (Exception, SystemExit) as problem:
        raise DiptychError(f"{word} cannot be imported ({reason(problem)}); correct it.") from None
    whole = str(path.resolve()) if is_file else word
    IMPORTED.setdefault(whole, word)


def imported() -> list[str]:
    """What was imported, for another process to import."""
    return [*IMPORTED]


def import_words() -> list[str]:
    """For a command that is to follow this one: what it has to import as well."""
    return [word for name in IMPORTED.values() for word in ("--import", name)]


def import_file(path: Path) -> None:
    name, place = path.stem, path.resolve()
    if not path.is_file() or path.suffix != ".py":
        raise UsageError("there is no such file of Python; name a file such as mine.py, or an installed module.")
    if not name.isidentifier():
        raise UsageError("the name of a file to import is of letters, digits and _; rename it.")
    there = sys.modules.get(name) or util.find_spec(name)
    if there is not None:
        found = getattr(there, "__file__" if isinstance(there, ModuleType) else "origin", None)
        if not found or Path(found).resolve() != place:
            raise UsageError(f"there is another module called {name}; rename the file.")
    if name in sys.modules:
        return
    sys.path.append(str(place.parent))  # for what lies beside it; last, so that it takes no other module's place
    spec = util.spec_from_file_location(name, place)
    assert spec is not None
    assert spec.loader is not None
    sys.modules[name] = module = util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise


def import_named(name: str) -> None:
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        module = import_module(name)
    except ModuleNotFoundError as problem:
        if problem.name and (name == problem.name or name.startswith(f"{problem.name}.")):
            raise UsageError(
                f"there is no module {problem.name}; name a file such as mine.py, or install it."
            ) from None
        raise
    if hasattr(module, "__path__") and getattr(module, "__file__", None) is None:
        raise UsageError(f"{name} is a folder without code of its own; name a module in it, such as {name}.mine.")


def reason(problem: BaseException) -> str:
    """What an exception says, and the line of code that raised it."""
    if isinstance(problem, SystemExit):
        return "it ends the program; run what is a program under if __name__ == '__main__'"
    said = f"{type(problem).__name__}: {problem}" if str(problem) else type(problem).__name__
    frames = [one for one in traceback.extract_tb(problem.__traceback__) if os.path.exists(one.filename)]
    if isinstance(problem, SyntaxError) or not frames:
        return said  # a syntax error names its line itself
    return f"{said}, in line {frames[-1].lineno} of {Path(frames[-1].filename).name}"
