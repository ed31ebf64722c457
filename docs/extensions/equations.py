"""Equations as MathML, which browsers set themselves: neither a script nor a font is fetched."""

import re
from typing import Literal

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.typing import ExtensionMetadata
from sphinx.writers.html5 import HTML5Translator

LOGGER = logging.getLogger(__name__)
FUNCTION = re.compile(r"(<mi>(?:log|min|max)</mi>)(?=<m(?:i|sub|sup)>)")
TAG = re.compile(r"\\tag\{([^}]*)\}")


def mathml(equation: str, node: nodes.Element, display: Literal["inline", "block"]) -> str:
    """Convert TeX; a word that the converter does not know is a warning, since it would be shown as it stands."""
    found = FUNCTION.sub(r'\1<mspace width="0.17em"/>', convert(equation, display=display))
    if unknown := re.findall(r"\\\w+", found):
        LOGGER.warning("no MathML is known for %s", ", ".join(unknown), location=node)
    return found


def inline(page: HTML5Translator, node: nodes.math) -> None:
    page.body.append(mathml(node.astext(), node, "inline"))
    raise nodes.SkipNode


def block(page: HTML5Translator, node: nodes.math_block) -> None:
    r"""An equation on lines of its own, with the number that ``\tag{}`` gives it."""
    number = TAG.search(node.astext())
    shown = f'<span class="eqno">({number[1]})</span>' if number else ""
    equation = mathml(TAG.sub("", node.astext()), node, "block")
    page.body.append(f'<div class="equation">{equation}{shown}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> ExtensionMetadata:
    app.add_html_math_renderer("mathml", inline_renderers=(inline, None), block_renderers=(block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
