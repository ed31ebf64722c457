"""Notebooks of examples/ as pages, where a page says `<!-- notebook NAME -->`. They are shown as they are kept: without outputs."""

import json
import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

PLACE = re.compile(r"<!-- notebook (\w+) -->")
EXAMPLES = Path(__file__).parents[2] / "examples"
MAGIC = "%%bash\n"
"""First line of a cell of commands."""
WRITTEN = re.compile(r"^%%writefile (\S+)$", re.MULTILINE)
"""First line of a cell that is written to a file."""


def as_markdown(notebook: str) -> str:
    """The cells one after another, commands and Python as blocks."""
    parts = []
    for cell in json.loads(notebook)["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(as_on_the_site(text))
        else:
            language, code = (
                ("bash", text.removeprefix(MAGIC)) if text.startswith(MAGIC) else ("python", WRITTEN.sub(r"# \1", text))
            )
            parts.append(f"```{language}\n{code}\n```")
    return "\n\n".join(parts)


def as_on_the_site(text: str) -> str:
    """Links lead from examples/ to docs/, whose pages are a folder up here, and from notebook to notebook."""
    return re.sub(r"\]\((\w+)\.ipynb\)", r"](\1.md)", text.replace("](../docs/", "](../"))


def fill(app: Sphinx, page: str, source: list[str]) -> None:
    """Put the notebook into the page that asks for it."""
    if found := PLACE.search(source[0]):
        place = EXAMPLES / f"{found[1]}.ipynb"
        app.env.note_dependency(str(place))
        source[0] = source[0].replace(found[0], as_markdown(place.read_text(encoding="utf-8")))


def setup(app: Sphinx) -> ExtensionMetadata:
    app.connect("source-read", fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
