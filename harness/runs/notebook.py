"""A live display in a notebook: one output of a cell, replaced whenever there is something newer."""

from __future__ import annotations

from typing import Any

from rich.console import RenderableType


class Notebook:
    """Shows what rich can render, by IPython alone; rich's own Live needs ipywidgets beside it. What was shown last
    stays in the notebook."""

    def __init__(self) -> None:
        self._output: Any = None

    def __enter__(self) -> Notebook:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def update(self, renderable: RenderableType, *, refresh: bool = False) -> None:
        from IPython.display import display

        if self._output is None:
            self._output = display(renderable, display_id=True)
        else:
            self._output.update(renderable)
