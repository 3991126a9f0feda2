"""Datasets from outside are known by their names like the built-in ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.core.errors import HarnessError
from harness.core.registry import forget_plugins, load_plugin
from harness.data import DATASETS, load, short_name

SOURCE = """
import torch
from harness.data.source import Source, in_memory

class Stripes:
    summary = "made stripes"

    def read(self, root, download):
        assert download in (True, False)
        labels = torch.arange(40) % 2
        pixels = torch.zeros(40, 3, 8, 8, dtype=torch.uint8)
        pixels[labels == 1, :, ::2] = 255
        return Source(("plain", "striped"), in_memory(pixels, labels), None)

DATASETS = {"stripes": Stripes, "nameless": Stripes.read}
"""


@pytest.fixture(autouse=True)
def plugin(tmp_path: Path) -> Iterator[None]:
    (tmp_path / "stripes.py").write_text(SOURCE)
    load_plugin(str(tmp_path / "stripes.py"))
    yield
    forget_plugins()


def test_a_dataset_of_a_plugin_is_loaded_listed_and_checked() -> None:
    dataset = load("stripes", images=10)
    assert (dataset.name, dataset.classes, len(dataset.train), dataset.image_size) == ("stripes", 2, 10, 8)
    assert short_name("stripes") == "stripes"
    assert DATASETS["stripes"].summary == "made stripes"
    for command in (["list", "datasets"], ["data", "check", "stripes"], ["describe", "stripes"]):
        result = CliRunner().invoke(main, command)
        assert result.exit_code == 0, result.output
        assert "stripes" in result.stdout


def test_one_that_does_not_fit_says_what_it_lacks() -> None:
    with pytest.raises(
        HarnessError, match=r"dataset 'nameless' of plugin .* does not fit: it has no summary, as harness"
    ):
        load("nameless")
