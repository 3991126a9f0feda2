"""The documentation. `make docs` builds it, without network and with every warning an error."""

from __future__ import annotations

import logging
import os
import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))
os.environ["COLUMNS"] = "75"  # what the column of the site holds of what `harness describe` says
os.environ.setdefault("OMP_NUM_THREADS", "1")  # the notebooks' searches are too small to share out

import jupyter_cache.executors.utils as executing
import nbclient
from traitlets.config import Config

from harness.core.version import __version__

logging.getLogger("traitlets").setLevel(logging.WARNING)  # a theme's highlighting asks for the INFO of all loggers
# Without keys every kernel warns that what it is sent can be read; MyST-NB passes no settings on.
executing.executenb = partial(nbclient.execute, config=Config(KernelManager={"transport_encryption": "auto"}))

project = "ZARTS harness"
author = copyright = "The ZARTS Harness authors"
release = __version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx_copybutton", "reference"]
exclude_patterns = ["_build", "_ext", "_static"]
html_theme = "furo"
html_title = f"ZARTS harness {release}"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
default_role = "code"  # what docstrings have in single backticks
myst_heading_anchors = 2
nb_execution_mode = "force"  # what a notebook shows is what this tree does
nb_execution_raise_on_error = True
nb_execution_timeout = 600
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
copybutton_prompt_text = "$ "
