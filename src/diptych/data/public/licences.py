"""The licence and attribution of a data set, for whoever passes on what was trained on it."""

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from diptych.data.openmoji.drawings import ATTRIBUTION
from diptych.data.public.catalog import EMBEDDED, listing
from diptych.data.shards import reading
from diptych.errors import DiptychError

FILES = ("ATTRIBUTION.txt", "ATTRIBUTION.md", "LICENSE.txt", "LICENSE.md", "LICENSE", "LICENCE.txt", "LICENCE")
LONGEST = 4000


class Licence(NamedTuple):
    """The licence of a data set and its attribution; empty where unknown."""

    licence: str = ""
    attribution: str = ""


def licence_of(name: str) -> Licence:
    """From the catalogue by name, from the index of shards, or from the folder's ATTRIBUTION.txt or LICENSE."""
    if EMBEDDED.fullmatch(name):
        return Licence("CC BY-SA 4.0", " ".join(ATTRIBUTION.split()))
    if entry := listing().get(name):
        return Licence(entry.licence, entry.citation)
    if reading.are_at(name):
        with suppress(DiptychError):  # a server that does not answer
            index = reading.index_at(name)
            return Licence(index.licence, index.attribution)
    found = next((Path(name) / file for file in FILES if name and (Path(name) / file).is_file()), None)
    if found is None:
        return Licence()
    text = " ".join(found.read_text(encoding="utf-8", errors="replace")[:LONGEST].split())
    return Licence("" if found.name.startswith("ATTRIBUTION") else "see the attribution", text)
