"""Links out of docs/: to files of the repository, which get pages of their own, and to those of its root, which have one."""

from collections.abc import Iterator
from os.path import relpath
from pathlib import Path
from typing import Any

from docutils import nodes
from pygments.lexers import get_lexer_for_filename
from pygments.util import ClassNotFound
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
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
        document = INCLUDED.get(name) or name.removeprefix("docs/").removesuffix(".md")
        if document in self.env.found_docs:
            wanted = {"refdomain": "doc", "reftarget": document, "reftargetid": anchor or None, "refdoc": page}
            explicit = node["refexplicit"]
            new: nodes.Element = addnodes.pending_xref("", reftype="myst", refexplicit=explicit, **wanted)
        else:
            files_of(self.env).setdefault(page, set()).add(name)
            uri = self.env.app.builder.get_relative_uri(page, f"files/{name}")
            new = nodes.reference("", "", refuri=uri, internal=True)
        new += node.children
        node.replace_self(new)


class Commands(SphinxTransform):
    """Indented blocks of commands are coloured as such."""

    default_priority = 5

    def apply(self, **_: Any) -> None:
        for block in self.document.findall(nodes.literal_block):
            if block.get("language") == "none" and block.astext().split(maxsplit=1)[0] in SHELL:
                block["language"] = "bash"


def files_of(env: BuildEnvironment) -> dict[str, set[str]]:
    """The files that each page links to."""
    if not hasattr(env, "linked_files"):
        env.linked_files = {}  # type: ignore[attr-defined]
    found: dict[str, set[str]] = env.linked_files  # type: ignore[attr-defined]
    return found


def forget(_: Sphinx, env: BuildEnvironment, page: str) -> None:
    files_of(env).pop(page, None)


def pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """A page for each linked file."""
    for name in sorted(set[str]().union(*files_of(app.env).values())):
        text = (ROOT / name).read_text(encoding="utf-8")
        try:
            language = get_lexer_for_filename(name).aliases[0]
        except ClassNotFound:
            language = "text"
        body = app.builder.highlighter.highlight_block(text, language)  # type: ignore[attr-defined]
        yield f"files/{name}", {"title": name, "body": f"<h1>{name}</h1>\n{body}"}, "page.html"


def setup(app: Sphinx) -> ExtensionMetadata:
    app.add_transform(Links)
    app.add_transform(Commands)
    app.connect("env-purge-doc", forget)
    app.connect("html-collect-pages", pages)
    return {"parallel_read_safe": False, "env_version": 1}
