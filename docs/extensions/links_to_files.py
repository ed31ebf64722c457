"""Links out of docs/: to files of the repository, which get pages of their own, and to those of its root, which have one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.transforms import SphinxTransform
from sphinx.util.typing import ExtensionMetadata

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
INCLUDED = {
    "README.md": "index",
    "BENCHMARKS.md": "benchmarks",
    "CHANGELOG.md": "changelog",
    "CONTRIBUTING.md": "contributing",
}
"""Files of the root, and the page that includes each; their links are relative to the root."""
NOTEBOOKS = {f"examples/{path.stem}.ipynb": f"notebooks/{path.stem}" for path in ROOT.glob("examples/*.ipynb")}
"""Notebooks, and the page that shows each; on that page itself the link is to the file."""
LINKED = "linked files"
"""Under this name Sphinx keeps, with a page, what it links to."""
LANGUAGES = {
    ".py": "python",
    ".toml": "toml",
    ".yaml": "yaml",
    ".json": "json",
    ".conf": "nginx",
    ".txt": "text",
    "": "text",
}
"""Of the files that get pages, by their endings; others, such as pictures, are downloads."""
SHELL = ("diptych", "pip", "python", "python3", "make", "docker", "curl", "torchrun", "git")
"""First words of blocks that are commands."""


class Links(SphinxTransform):
    """Turn MyST's links to files outside docs/ into links between pages."""

    default_priority = 5

    def apply(self, **_: Any) -> None:
        """Change the document in place; what is found nowhere stays, and Sphinx warns of it."""
        for kind in (addnodes.pending_xref, addnodes.download_reference):
            for node in list(self.document.findall(kind)):
                if node.get("reftype") == "myst" and not node["reftarget"].startswith("#"):
                    self.resolve(node)

    def resolve(self, node: nodes.Element) -> None:
        """Replace one link, unless it leads to a page already."""
        target, _, anchor = node["reftarget"].partition("#")
        if node.astext().endswith(".md"):  # a page's name says more than its file's
            node["refexplicit"] = False
        if node.get("refdomain") == "doc":
            if target in self.env.found_docs:
                return
            target, anchor = f"{target}.md", node.get("reftargetid") or ""
        page = self.env.docname
        folders = [(DOCS / page).parent, *([ROOT] if page in INCLUDED.values() else [])]
        place = next((found for folder in folders if (found := (folder / target).resolve()).is_file()), None)
        if place is None or not place.is_relative_to(ROOT):
            return
        name = place.relative_to(ROOT).as_posix()
        inside = self.env.path2doc(place) if place.is_relative_to(DOCS) else None
        document = INCLUDED.get(name) or NOTEBOOKS.get(name) or inside
        if document == page:
            return
        if document in self.env.found_docs:
            wanted = {"refdomain": "doc", "reftarget": document, "reftargetid": anchor or None, "refdoc": page}
            explicit = node["refexplicit"]
            new: nodes.Element = addnodes.pending_xref("", reftype="myst", refexplicit=explicit, **wanted)
        elif place.suffix not in LANGUAGES:
            return
        else:
            self.env.metadata[page].setdefault(LINKED, set()).add(name)
            uri = self.app.builder.get_relative_uri(page, f"files/{name}")
            new = nodes.reference("", "", refuri=uri, internal=True)
        new += node.children
        node.replace_self(new)


class Commands(SphinxTransform):
    """Indented blocks of commands are coloured as such."""

    default_priority = 5

    def apply(self, **_: Any) -> None:
        for block in self.document.findall(nodes.literal_block):
            if block.get("language") == "none" and block.astext().partition(" ")[0] in SHELL:
                block["language"] = "bash"


def pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """A page for each linked file."""
    assert isinstance(app.builder, StandaloneHTMLBuilder)
    linked: set[str] = set().union(*(found.get(LINKED, ()) for found in app.env.metadata.values()))
    for name in sorted(linked):
        text = (ROOT / name).read_text(encoding="utf-8")
        body = app.builder.highlighter.highlight_block(text, LANGUAGES[Path(name).suffix])
        yield f"files/{name}", {"title": name, "body": f"<h1>{name}</h1>\n{body}"}, "page.html"


def setup(app: Sphinx) -> ExtensionMetadata:
    app.add_transform(Links)
    app.add_transform(Commands)
    app.connect("html-collect-pages", pages)
    return {"parallel_read_safe": False, "env_version": 1}
