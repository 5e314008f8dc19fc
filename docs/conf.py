"""Sphinx configuration: Markdown pages, the tutorial run as these are built, and the reference from the docstrings."""

import os
import re
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from spikes import __version__
from spikes.presentation.figure import STYLE

matplotlib.rcParams.update(STYLE)  # figures of the tutorial look as those of the command line do

project = "spikes-rmt"
author = "the spikes-rmt maintainers"
copyright = "the spikes-rmt maintainers"
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_gallery.gen_gallery",
    "sphinx-mathjax-offline",  # MathJax beside the pages: they are read from files, without a network
]
root_doc = "index"
exclude_patterns = ["tutorial"]
default_role = "code"
highlight_language = "none"

html_theme = "furo"
html_title = f"spikes-rmt {version}"
html_show_copyright = False
html_show_sphinx = False
html_static_path = ["_static"]
html_css_files = ["wide.css"]

myst_heading_anchors = 3
myst_enable_extensions = ["deflist", "substitution", "dollarmath"]

# Signatures keep the names of defaults and of types as they are written: the docstrings say what they mean.
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
autodoc_preserve_defaults = True
autoclass_content = "class"
suppress_warnings = ["ref.python"]  # words of a type such as "shape (seeds,)" are no references
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_param = True
napoleon_custom_sections = [("Attributes", "params_style")]  # one entry may name several


sphinx_gallery_conf = {
    "examples_dirs": "tutorial",
    "gallery_dirs": "generated",
    "filename_pattern": r"\.py$",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "capture_repr": (),
    "reset_modules": (),
    "image_scrapers": ("matplotlib",),
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 1e9,
    "write_computation_times": False,
}


def _as_written(app, what, name, obj, options, lines):
    """Docstrings hold mathematics as one writes it: a bar is a modulus, and names with a dot are links.

    A module's ends with a table of what it exports.
    """
    for i, line in enumerate(lines):
        if line.lstrip().startswith((">>>", "...")):
            continue
        parts = re.split(r"(``.*?``|`[^`]*`)", line)
        for k, part in enumerate(parts):
            if k % 2 == 0:
                parts[k] = part.replace("|", r"\|")
            elif re.fullmatch(r"`(theory|spikes)\.[\w.]+`", part):
                parts[k] = f":py:obj:{part}"
        lines[i] = "".join(parts)
    if what == "module":
        exported = [f"   {member}" for member in obj.__all__ if callable(getattr(obj, member))]
        lines += ["", ".. autosummary::", "   :nosignatures:", "", *exported, ""]


def _internal(app, what, name, obj, skip, options):
    """Leave out what is written for no reader: the fields of a tuple, which its signature shows."""
    return True if (getattr(obj, "__doc__", None) or "").startswith("Alias for field number") else None


ROOT = Path(__file__).parents[1]
# Pages that are read on the repository's own site as well, and stand where one looks for them there.
PAGES = {
    "index": "README.md",
    "gallery": "figures/README.md",
    "changelog": "CHANGELOG.md",
    "contributing": "CONTRIBUTING.md",
}
LINKS = {text: f"{page}.md" for page, text in PAGES.items()} | {
    f"docs/tutorial/{page.name}": f"generated/{page.stem}.rst" for page in (ROOT / "docs/tutorial").glob("*.py")
}


def _from_repository(app, docname, source):
    """Put the text of such a page before what stands in its file here, with links and images seen from here."""
    if docname not in PAGES:
        return
    path = ROOT / PAGES[docname]
    app.env.note_dependency(str(path))

    def seen_from_here(match):
        target = os.path.normpath(os.path.join(os.path.dirname(PAGES[docname]), match[1]))
        return f"]({LINKS.get(target, os.path.relpath(ROOT / target, ROOT / 'docs'))})"

    source[0] = re.sub(r"\]\((?!https?:|#)([^)]+)\)", seen_from_here, path.read_text()) + source[0]


def setup(app):
    app.connect("source-read", _from_repository)
    app.connect("autodoc-skip-member", _internal)
    app.connect("autodoc-process-docstring", _as_written, priority=400)  # before the sections are read
