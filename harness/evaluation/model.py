"""A final network that stands on its own: what it is, its weights, and what its outputs mean.

An evaluation leaves one beside its file, NAME.weights.pt. `load(RUN).network()` is the network, ready for use.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from harness.core.errors import HarnessError, unknown
from harness.core.files import read_object, weights_beside
from harness.core.genotype import Genotype, parse
from harness.data.normalisation import Statistics
from harness.evaluation.recipes import Network
from harness.runs import checkpoint
from harness.runs.checkpoint import Damaged
from spaces.relations import space_of
from spaces.stems import STEMS

NAMED = 3
"""Evaluations in a message, at most."""


@dataclass(frozen=True)
class Model:
    """A network for images (B, 3, image_size, image_size), normalised float32, with logits (B, classes)."""

    genotype: Genotype
    stem: str
    size: str
    """CELLSxCHANNELS, as in `harness.evaluation.recipes.Network`."""
    class_names: tuple[str, ...]
    image_size: int
    normalisation: Statistics | None
    """None for one that was never trained."""
    weights: Mapping[str, Tensor]
    """Parameters and batch-norm statistics by name, on the CPU."""
    evaluation: Mapping[str, Any] | None
    """What the evaluation file says of the training; None for one that was never trained."""
    origin: Mapping[str, Any] | None
    """The method, space, dataset and seed of the run that found the cell, and after how many epochs it had it (None: at
    its end); None for a cell of no run."""
    made_with: Mapping[str, Any]
    """The versions of harness and torch, and the commit of the source tree if there was one."""

    def __post_init__(self) -> None:
        if self.stem not in STEMS:
            raise unknown("stem", self.stem, STEMS)
        if type(self.image_size) is not int or self.image_size < 1:
            raise HarnessError(f"image_size={self.image_size!r:.40} is no number of pixels.")

    @property
    def cells(self) -> int:
        """In a network of the DARTS family; in each stage of NAS-Bench-201's; a mobile network is one chain."""
        return Network(size=self.size).cells

    @property
    def channels(self) -> int:
        """Of the first cells; of a mobile network's last convolution."""
        return Network(size=self.size).channels

    @property
    def draws(self) -> bool:
        """Whether the network draws random numbers, so that its logits differ from call to call."""
        return any(cell.count("noise") for _, cell in self.genotype.cells)

    def network(self) -> nn.Module:
        """A new network with these weights, in eval mode, on the CPU. Raises HarnessError where they do not fit."""
        space = space_of(self.genotype)
        with torch.random.fork_rng(devices=[]):  # whoever asks keeps their random numbers
            network = space.network(self.genotype, self.channels, self.cells, len(self.class_names), self.stem)
        try:
            network.load_state_dict(dict(self.weights))
        except RuntimeError:
            raise HarnessError(f"the weights are not those of a network of size {self.size} with this cell.") from None
        return network.eval()

    def pack(self) -> bytes:
        """The content of a file: tensors and plain values, so that it loads with weights_only=True."""
        statistics = self.normalisation
        values = {
            "genotype": json.dumps(self.genotype.to_json()),
            "stem": self.stem,
            "size": self.size,
            "class_names": list(self.class_names),
            "image_size": self.image_size,
            "normalisation": None if statistics is None else [list(channels) for channels in statistics],
            "weights": dict(self.weights),
            "evaluation": self.evaluation,
            "origin": self.origin,
            # torch's version is a string of a class of its own
            "made_with": {name: value and str(value) for name, value in self.made_with.items()},
        }
        return checkpoint.pack(values)


def load(path: str | Path) -> Model:
    """The trained network of a run with one evaluation, of an evaluation file or its folder, or in a file of weights.

    Raises HarnessError where there is none, or several to choose from.
    """
    file = evaluated(path)
    return read(_weights_of(file) if file.suffix == ".json" else file)


def evaluated(path: str | Path) -> Path:
    """The file that is meant: that of the only evaluation of a folder, or the file itself. Raises HarnessError."""
    path = Path(path)
    return _only_evaluation(path) if path.is_dir() else path


def read(path: Path) -> Model:
    """The network in this file. Raises HarnessError for any other file, and for weights that do not fit."""
    if not path.is_file():
        raise HarnessError(f"{path} does not exist; name a run folder, an evaluation or a file of weights.")
    try:
        values = checkpoint.unpack(path)
        statistics = values["normalisation"]
        restored = {
            "genotype": parse(values["genotype"]),
            "class_names": tuple(values["class_names"]),
            "normalisation": None if statistics is None else Statistics(*map(tuple, statistics)),
        }
        model = Model(**values | restored)
        model.network()
        return model
    except Damaged as error:
        raise HarnessError(f"{path} holds no network that can be read: {error}.") from None
    except (KeyError, TypeError, AttributeError):  # another checkpoint
        raise HarnessError(f"{path} holds no network; name a run folder, an evaluation or NAME.weights.pt.") from None


def _only_evaluation(folder: Path) -> Path:
    """The file of the one training in this folder."""
    files = sorted(folder.glob("evaluation-*.json"))
    trained = [file for file in files if read_object(file, "kind")["kind"] == "training"]
    if len(trained) == 1:
        return trained[0]
    if trained:
        more = f" and {len(trained) - NAMED} more" if len(trained) > NAMED else ""
        names = ", ".join(file.name for file in trained[:NAMED])
        raise HarnessError(f"{folder} has {len(trained)} trained networks; name one of {names}{more} in it.")
    if files:
        raise HarnessError(
            f"the cell of {folder} was only looked up in a table; train it with "
            f"`harness evaluate {folder} --recipe nasbench201 --dataset ...`."
        )
    raise HarnessError(f"{folder} has no evaluation, hence no trained network; run `harness evaluate {folder}`.")


def _weights_of(evaluation: Path) -> Path:
    """Raises HarnessError where an evaluation file has none beside it, and says how to get them."""
    if read_object(evaluation, "kind")["kind"] == "lookup":
        raise HarnessError(f"{evaluation} was looked up in a table; train the cell with --recipe nasbench201.")
    weights = weights_beside(evaluation)
    if weights.is_file():
        return weights
    folder = evaluation.parent if evaluation.parent.name == evaluation.stem else evaluation.with_suffix("")
    how = (
        "finds them in its checkpoint"
        if (folder / "checkpoint.pt").is_file()
        else "trains anew: its checkpoint is gone"
    )
    raise HarnessError(
        f"{evaluation} has no weights beside it, as in the time before they were kept. Move it away and run the same "
        f"`harness evaluate` again, which {how}."
    )
