"""A static folder for any web host: the page, the network, and the browser's runtime."""

import io
from pathlib import Path

from diptych.errors import DiptychError
from diptych.exporting.page_metadata import ICONS, PageMetadata, icon_path
from diptych.files import as_json
from diptych.files import write_bytes as put
from diptych.serving.page import assets
from diptych.serving.page.browser_model import split_model
from diptych.serving.service.listing import Offer, runs_in_browser

HEADERS = """\
/*
  Cross-Origin-Opener-Policy: same-origin
  Cross-Origin-Embedder-Policy: require-corp
  Cross-Origin-Resource-Policy: cross-origin
"""
"""Of a file that Netlify and Cloudflare Pages read. Other pages may show this one, so the last is wide."""
HOSTS = """\
To publish the folder, upload it as it is:
- GitHub Pages: commit its files to the branch gh-pages and choose that branch under Settings, Pages.
- Netlify: drag the folder onto app.netlify.com/drop.
- Cloudflare Pages: npx wrangler pages deploy THIS_FOLDER
- Hugging Face: push its files to a new Space whose SDK is "static".
- your own host: copy it below any address; rsync -a THIS_FOLDER/ host:/var/www/page/
"""
NOTE = """\
A page of diptych: open index.html through any web server (not from the disk: browsers refuse modules there), such as
    python3 -m http.server --directory THIS_FOLDER
Threads, which make it faster, need two headers that not every host sends:
    Cross-Origin-Opener-Policy: same-origin
    Cross-Origin-Embedder-Policy: require-corp
{hosts}To put it on a page of yours (ADDRESS is where this folder is):
    <script async src="ADDRESS/embed.js"></script>
    <diptych-canvas model="ADDRESS"></diptych-canvas>
or
    <iframe src="ADDRESS/?embed" width="100%" height="520" allow="camera; clipboard-write"></iframe>
A posted link shows card.png where its address in index.html is a whole one: diptych export --address https://... does that.
vendor/ is onnxruntime-web, MIT licence, https://github.com/microsoft/onnxruntime
"""


def write(offer: Offer, shown: PageMetadata, network: Path, out: Path, runtime: Path | None, precision: str) -> int:
    """Write the folder and return its bytes.

    Args:
        offer: the translator with its name, terms and examples.
        shown: the page's metadata.
        network: an ONNX file with processing "outside".
        runtime: a folder with onnxruntime-web; None = the one of diptych.

    Raises:
        DiptychError: when the page cannot show such pictures, the runtime is missing, or the place cannot be written.
    """
    card = offer.translator.card
    if not runs_in_browser(card):
        raise DiptychError(
            f"the page draws 8-bit RGB, grey and class maps, and this translator takes {card.source.colour} of "
            f"{card.source.depth} and gives {card.target.colour} of {card.target.depth}; serve it with: diptych serve."
        )
    for file in assets.page_files():
        put(out / assets.page_address(file), file.read_bytes())
    for file in assets.runtime_files(runtime):
        put(out / "vendor" / assets.sent_name(file), assets.sent_bytes(file))
    index = (assets.page_folder() / "index.html").read_text(encoding="utf-8")
    put(out / "index.html", shown.index(index).encode())
    put(out / "manifest.webmanifest", as_json(shown.manifest(), indent=1).encode())
    preview = io.BytesIO()
    shown.card().save(preview, "PNG", optimize=True)
    put(out / "card.png", preview.getvalue())
    for name in ICONS:
        put(out / name, icon_path(name).read_bytes())
    parts = split_model(network, offer.name, precision)
    for name, part in parts.parts.items():
        put(out / "models" / offer.name / name, part.read(0, part.size))
    for address, picture in offer.pictures.items():
        put(out / address, picture)
    listing = {"translators": [offer.entry(parts.entry)], "served": False}
    put(out / "translators.json", as_json(listing, indent=1).encode())
    put(out / "README.txt", NOTE.format(hosts=HOSTS).encode())
    put(out / "_headers", HEADERS.encode())
    put(out / ".nojekyll", b"")  # GitHub Pages serves the folder as it is
    return sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
