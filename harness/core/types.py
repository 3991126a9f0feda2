"""What the parts of a search hand to one another. Imports no torch: a reader of records needs none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from harness.core import notebook
from harness.core.errors import HarnessError
from harness.core.genotype import Genotype

if TYPE_CHECKING:
    from torch import Generator, Tensor


class Part(Protocol):
    """One half of a training set: what the weights, or the architecture, are trained on."""

    def __len__(self) -> int: ...

    def batch(self, indices: Tensor, augment: Generator | None) -> tuple[Tensor, Tensor]:
        """Images (B, 3, H, W), normalised floats, and labels (B,), int64, on the data's device. `augment` draws
        the training augmentation; None gives the images as they are."""
        ...


@runtime_checkable
class ReadsAhead(Protocol):
    """A part whose batches take time to read."""

    def expect(self, indices: Tensor, augment: Generator | None) -> None:
        """Is told which batch will be asked for next."""
        ...


class Dataset(Protocol):
    """Labelled images."""

    @property
    def name(self) -> str: ...

    @property
    def classes(self) -> int: ...

    @property
    def image_size(self) -> int: ...

    def halves(self, portion: float, images: int, normalisation: str, split_file: str) -> tuple[Part, Part]:
        """The first `portion` of the training set in file order, for the weights, and the rest, for alpha; or the two
        lists of a split file, where one is named. `images` > 0 takes at most the first so many training images.
        `normalisation` names a convention."""
        ...

    def to(self, device: str) -> Dataset: ...


class Oracle(Protocol):
    """The objective of a search as a rule sees it: L(alpha) = L_val(w*(alpha), alpha). It counts what it spends."""

    def gradient(self, alpha: Tensor) -> Tensor:
        """d L_val / d alpha at alpha (d,), first or second order."""
        ...

    def losses(self, alphas: Tensor) -> Tensor:
        """L(alpha_i) for each row of alphas (n, d): (n,)."""
        ...


@dataclass(frozen=True)
class Budget:
    """How long a search may take: `epochs` overrides the setting of that name; `seconds` of search time, validation
    not counted, ends the search early after the step that used them up; `evaluations` ends it before the update of
    alpha, or the trial, that would go beyond them (see `Cost.asked` and `Cost.evaluations`). A search that goes on
    after training scores one candidate in any case: without it there is no cell."""

    epochs: int | None = None
    seconds: float | None = None
    evaluations: int | None = None

    def __post_init__(self) -> None:
        if self.epochs is not None and self.epochs < 1:
            raise HarnessError(f"the budget is {self.epochs} epochs; give 1 or more.")
        if self.seconds is not None and not 0 < self.seconds < math.inf:
            raise HarnessError(f"the budget is {self.seconds} seconds; give a number above 0.")
        if self.evaluations is not None and self.evaluations < 1:
            raise HarnessError(f"the budget is {self.evaluations} evaluations; give 1 or more.")

    def to_json(self, epochs: int) -> dict[str, Any]:
        """As it stands in spec.json, with the epochs that the search has at most. Evaluations came after runs had been
        made without them: where they are not limited they are left out, so that those runs keep their names."""
        limited = {} if self.evaluations is None else {"evaluations": self.evaluations}
        return {"epochs": epochs, "seconds": self.seconds, **limited}


CHARGED = ("sampled", "noisy")
"""The oracles of a table that charge methods of all families alike: for every cell that is looked at."""


@dataclass
class Cost:
    """What a search has spent so far. A pass is one batch through a network; on a table, L(alpha) or its
    gradient."""

    weight_steps: int = 0
    """SGD steps on the supernet itself."""
    finetune_steps: int = 0
    """SGD steps on candidates' private copies."""
    alpha_steps: int = 0
    loss_evaluations: int = 0
    """Candidates whose loss a rule asked for; one that is fine-tuned for it is one, whatever the steps."""
    gradient_evaluations: int = 0
    """Gradients of the loss in alpha that a rule asked for."""
    evaluations: int = 0
    """Architectures that were trained, or looked up, to be compared."""
    simulated_seconds: float = 0.0
    """What the evaluations would have taken by the table's own times."""
    forwards: int = 0
    backwards: int = 0
    images: int = 0
    """Images put through the supernet, forward passes without validation."""
    seconds: float = 0.0
    """Wall seconds of search, without validation, checkpoints and loading."""
    validation_seconds: float = 0.0
    saved_activations: int = 0
    """Bytes that a step keeps for its backward passes, weights not counted; the most of the epochs' first steps.
    Candidates that are scored side by side in threads of their own keep as much again, each."""
    peak_memory: int = 0
    """Bytes; what was measured is `memory_kind`."""
    memory_kind: str = "peak RSS of the process"

    @property
    def steps(self) -> int:
        """How far the search is: weight steps where there is a supernet, else updates of alpha or evaluations."""
        return self.weight_steps or self.alpha_steps or self.evaluations

    @property
    def asked(self) -> int:
        """What rules have asked for: losses and gradients, which count alike."""
        return self.loss_evaluations + self.gradient_evaluations

    def spend(self, forwards: int, backwards: int, images: int) -> None:
        self.forwards += forwards
        self.backwards += backwards
        self.images += images

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Cost:
        """Raises KeyError for a cost that lacks what has always been counted."""
        return cls(**{f.name: data[f.name] for f in fields(cls) if f.name in data or f.name not in COUNTED_LATER})


COUNTED_LATER = ("loss_evaluations", "gradient_evaluations")
"""The fields that the costs of older checkpoints and records lack."""
TIMINGS = ("seconds", "validation_seconds", "test_seconds", "peak_memory")
"""The fields of a cost that differ between two identical runs."""


@dataclass(frozen=True, repr=False)
class SearchResult:
    """What a search found, what it cost, and how it got there."""

    genotype: Genotype
    cost: Cost
    records: tuple[Mapping[str, Any], ...]
    """One per epoch, as in records.jsonl."""
    alpha: tuple[float, ...]
    """The final architecture parameters, flat (d,)."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Every resolved setting, by part."""
    stopped_by: str = "epochs"
    """"epochs"; "seconds", "evaluations" or "simulated seconds" where those ran out first; else what the method ended
    it early by."""

    def __repr__(self) -> str:
        facts = ", ".join(f"{name} {value}" for name, value in self._facts)
        return f"SearchResult({facts}, genotype={str(self.genotype)!r})"

    def _repr_html_(self) -> str:
        return notebook.table("Search result", self._facts, self.genotype)

    @property
    def _facts(self) -> list[tuple[str, str]]:
        """What it is in short."""
        last = self.records[-1] if self.records else {}
        known = [name for name in ("valid_accuracy", "best_accuracy", "valid_loss") if last.get(name) is not None]
        return [
            ("epochs", f"{len(self.records)} ({ending(self.stopped_by)})"),
            *((name.replace("_", " "), f"{last[name]:.4g}") for name in known[:1]),
            ("seconds", f"{self.cost.seconds:,.1f}"),
            ("steps", f"{self.cost.steps:,}"),
        ]


BUDGETS = ("epochs", "seconds", "evaluations", "simulated seconds")
"""What a search can use up."""


def ending(stopped_by: str) -> str:
    """How a search ended, in words."""
    return f"{stopped_by} used up" if stopped_by in BUDGETS else f"ended early, by the {stopped_by}"


class Recorded(Protocol):
    """The state of a process that writes a record an epoch."""

    @property
    def records(self) -> list[dict[str, Any]]: ...

    @property
    def stopped_by(self) -> str: ...
