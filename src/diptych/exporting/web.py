"""A folder that any web host serves: the page, the network, and the browser's runtime."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from diptych.errors import DiptychError
from diptych.files import as_json, written_beside
from diptych.serving import assets
from diptych.serving.listing import Offer, in_browser
from diptych.serving.parts import cut

NOTE = """\
A page of diptych: open index.html through any web server (not from the disk: browsers refuse modules there), such as
    python3 -m http.server --directory THIS_FOLDER
Threads, which make it faster, need two headers that not every host sends:
    Cross-Origin-Opener-Policy: same-origin
    Cross-Origin-Embedder-Policy: require-corp
vendor/ is onnxruntime-web, MIT licence, https://github.com/microsoft/onnxruntime
"""


def write(offer: Offer, network: Path, out: Path, runtime: Path | None, precision: str) -> int:
    """Write the folder and return its bytes.

    Args:
        offer: its translator, name, terms and examples.
        network: an ONNX file, with its processing outside.
        runtime: a folder that holds onnxruntime-web; None = what came with diptych.

    Raises:
        DiptychError: when the page cannot show such pictures, the runtime is missing, or the place cannot be written.
    """
    card = offer.translator.card
    if not in_browser(card):
        raise DiptychError(
            f"the page draws 8-bit RGB, grey and class maps, and this translator takes {card.source.colour} of "
            f"{card.source.depth} and gives {card.target.colour} of {card.target.depth}; serve it with: diptych serve."
        )
    for file in [*assets.sources(), *assets.runtime(runtime)]:
        place = out / file.name if file in assets.sources() else out / "vendor" / file.name
        with written_beside(place) as beside:
            shutil.copyfile(file, beside)
    parts = cut(network, offer.name, precision)
    for name, part in parts.parts.items():
        put(out / "models" / offer.name / name, part.whole())
    addresses = write_examples(offer.examples, out, offer.name)
    listing = {"translators": [offer.entry(addresses, parts.entry)], "served": False}
    put(out / "translators.json", as_json(listing, indent=1).encode())
    put(out / "README.txt", NOTE.encode())
    return sum(file.stat().st_size for file in out.rglob("*") if file.is_file())


def write_examples(examples: Sequence[bytes], out: Path, name: str) -> list[str]:
    addresses = [f"examples/{name}/{number}.png" for number in range(len(examples))]
    for address, picture in zip(addresses, examples, strict=True):
        put(out / address, picture)
    return addresses


def put(place: Path, data: bytes) -> None:
    with written_beside(place) as beside:
        beside.write_bytes(data)
