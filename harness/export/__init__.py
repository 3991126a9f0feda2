"""Taking a network home: the formats it is written in, one a module. Nothing heavy is imported here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from harness.core.errors import HarnessError

if TYPE_CHECKING:
    from harness.evaluation.model import Model


class Writer(Protocol):
    """What the module of a format has."""

    def files(self, model: Model, out: Path) -> Mapping[Path, bytes]:
        """All that the format is made of, `out` last. Raises HarnessError for a network that it cannot hold."""
        ...

    def usage(self, model: Model, out: Path) -> str:
        """Python that loads the network from `out` and turns normalised `images` into logits."""
        ...


@dataclass(frozen=True)
class Format:
    """A format by its name in `--format`."""

    suffix: str
    module: str
    summary: str
    needs: str
    """The packages with which the network runs where it was taken."""

    def writer(self) -> Writer:
        """Raises HarnessError where the extra that it takes is not installed."""
        try:
            return cast(Writer, import_module(f"harness.export.{self.module}"))
        except ModuleNotFoundError as error:
            raise HarnessError(f"{error.name} is not installed; pip install 'zarts-harness[export]'.") from None


FORMATS: Mapping[str, Format] = {
    "torch": Format(".pt", "as_torch", "weights and all facts, for the harness", "zarts-harness"),
    "torch-export": Format(".pt2", "as_torch_export", "the graph of torch.export", "torch"),
    "onnx": Format(".onnx", "as_onnx", "for onnxruntime and other engines", "onnxruntime"),
    "safetensors": Format(".safetensors", "as_safetensors", "weights alone, by name", "safetensors"),
    "python": Format(".py", "as_python", "one file of plain PyTorch, and its weights", "torch"),
}
