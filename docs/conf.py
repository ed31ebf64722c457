"""The documentation site, by Sphinx: `make docs`. The pages of this folder are plain Markdown, as GitHub shows them too."""

import logging
import sys
from pathlib import Path

import diptych

sys.path.insert(0, str(Path(__file__).parent / "extensions"))
# A pattern in a table of contents may stand for pages to come, and Sphinx gives that warning no name to suppress it by.
logging.getLogger("sphinx.sphinx.directives.other").addFilter(
    lambda record: vars(record).get("subtype") != "empty_glob"
)

project = "diptych"
version = release = diptych.__version__
copyright = "the authors of diptych; Apache-2.0"
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "command_line",
    "equations",
    "links_to_files",
    "notebooks",
]
exclude_patterns = ["extensions"]
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(torch|numpy|PIL|pathlib|collections\.abc|jaxtyping|diptych)\..*|Tensor")]

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4  # by GitHub's names
myst_dmath_double_inline = True
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"
napoleon_use_rtype = False

html_theme = "furo"
html_title = "diptych"
html_math_renderer = "mathml"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_copy_source = False
smartquotes = False  # two dashes of an option stay two
html_show_sphinx = False
highlight_language = "text"  # of indented blocks; those of commands are found by their first word
