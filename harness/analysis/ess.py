"""The effective sample size of MGS at a run's alpha, by the number of samples and by how candidates are weighed
(supplement, Eq. 9 and Fig. 2; the weights are the setting `weight_mode` of the rule)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from harness.analysis.file import begin, save
from harness.analysis.reopened import ReopenedRun
from harness.core.errors import HarnessError, Interrupted
from harness.core.rng import generator
from harness.core.settings import declared, setting
from harness.core.types import Oracle
from harness.runs.loop import stop_signals
from methods.rules.mgs import MGS


@dataclass(frozen=True)
class ESS:
    """How much is drawn."""

    samples: str = setting("2 4 6 8", "supplement, Fig. 2; numbers with blanks between them")
    updates: int = setting(20, "draws that are averaged (choice); the run does not move", minimum=1)
    finetune_steps: int = setting(10, "M, supplement 2.2", minimum=0)


class Remembering:
    """An oracle that is asked once: all ways to weigh see the same candidates."""

    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle
        self._gradient: Tensor | None = None
        self._losses: dict[bytes, Tensor] = {}

    def gradient(self, alpha: Tensor) -> Tensor:
        if self._gradient is None:
            self._gradient = self.oracle.gradient(alpha)
        return self._gradient

    def losses(self, alphas: Tensor) -> Tensor:
        key = alphas.cpu().numpy().tobytes()
        if key not in self._losses:
            self._losses[key] = self.oracle.losses(alphas)
        return self._losses[key]


def analyse(
    run: ReopenedRun, settings: ESS, advance: Callable[[int, int], None] = lambda done, of: None
) -> dict[str, Any]:
    """Fills analysis-ess.json number by number, and returns it: "rows" of {"samples", "weight_mode", "ess", "esr"},
    means over the updates. sigma is the rule's at the run's epoch."""
    numbers = numbers_in(settings.samples)
    found = begin(run.folder, "ess", {**asdict(settings), "epoch": run.state.epoch})
    rows = found.setdefault("rows", [])
    with stop_signals() as stopped:
        for done, samples in enumerate(numbers):
            if stopped:
                raise Interrupted(f"stopped after {done} of {len(numbers)} numbers of samples, which are saved.")
            if all(row["samples"] != samples for row in rows):
                rows += measure(run, samples, settings)
                save(run.folder, found)
            advance(done + 1, len(numbers))
    found["done"] = True
    save(run.folder, found)
    return found


def numbers_in(samples: str) -> list[int]:
    """Raises HarnessError for what is no number of samples."""
    of_rule = declared(MGS())["samples"]
    try:
        return [of_rule.check(word) for word in samples.split()]
    except HarnessError as error:
        raise HarnessError(f"{error} Give numbers with blanks between them, such as --set 'samples=2 4'.") from None


def measure(run: ReopenedRun, samples: int, settings: ESS) -> list[dict[str, Any]]:
    """One row for each way to weigh."""
    own = isinstance(run.parts.rule, MGS)
    parts = run.parts if own else run.parts_of("zarts-mgs")
    parts = replace(parts, lookahead=_lookahead(run, settings))
    rule = parts.rule
    assert isinstance(rule, MGS)
    modes = declared(rule)["weight_mode"].choices or ()
    sums = dict.fromkeys(modes, 0.0)
    for update in range(settings.updates):
        oracle = Remembering(parts.lookahead.oracle(run.context(update)))
        for mode in modes:
            draw = generator(run.search.seed, "analysis/ess", update)
            weighed = replace(rule, samples=samples, weight_mode=mode)
            move = weighed.step(run.alpha, oracle, {}, run.clock, draw)
            sums[mode] += float(torch.as_tensor(move.diagnostics["ess"]))
    means = {mode: total / settings.updates for mode, total in sums.items()}
    return [
        {"samples": samples, "weight_mode": mode, "ess": mean, "esr": mean / samples} for mode, mean in means.items()
    ]


def _lookahead(run: ReopenedRun, settings: ESS) -> Any:
    """Fine-tuning with M steps and the run's other settings of it, where it has any."""
    chosen = run.parts_of("zarts-mgs").lookahead
    own = run.parts.lookahead
    base = own if type(own) is type(chosen) else chosen
    return replace(base, finetune_steps=settings.finetune_steps)  # type: ignore[type-var]
