"""Sphinx configuration. Nothing is fetched from the network; reference pages are generated from the code."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import generate  # noqa: E402

import vo_photoz  # noqa: E402
import vo_photoz.redshift.card  # noqa: E402 - pydantic makes no model while autodoc pretends to check types

generate.write_all(HERE / "reference" / "generated")

project = "vo_photoz"
author = "The vo_photoz developers"
copyright = author
version = release = vo_photoz.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc"]
exclude_patterns = ["_build", "reference/generated"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
nitpicky = False

html_theme = "furo"
html_title = "vo_photoz"
html_static_path = ["_static"]
html_copy_source = False
html_show_sphinx = False
