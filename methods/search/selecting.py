"""The search after training: the method's strategy proposes genotypes, and its ranking scores them with the weights of
the supernet, one in each advance. The best is the one that is found."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

import torch
from torch import Generator, Tensor

from harness.core.errors import HarnessError
from harness.core.genotype import Genotype
from harness.core.rng import generator
from harness.core.types import Budget, Cost
from methods.pricing.price import Priced
from methods.rankings.ranking import Ranking, Trained
from methods.schedules.clock import Clock
from methods.search.images import Images
from methods.search.parts import Parts
from methods.search.state import State
from methods.search.supernets import Supernets
from methods.strategies.strategy import Code, History, Informed, Known, Strategy, flat
from spaces import Space
from spaces.paths import IMAGE_SIZE, path_code, path_gates, path_macs

Strengths = Callable[[], Sequence[Mapping[str, float]]]
"""Of the operations of every edge, by their names, once they are asked for."""
MILLION = 1_000_000
MOST_PASSED_OVER = 10_000
"""Proposals in a row that may not be tried, before there are taken to be no others."""


class Selecting:
    """What is fixed about it. Raises HarnessError where there are not so many genotypes, or none within the limits."""

    def __init__(
        self, parts: Parts, space: Space, supernets: Supernets, images: Images, budget: Budget, priced: Priced
    ) -> None:
        assert parts.strategy is not None
        assert parts.ranking is not None
        self.strategy: Strategy = parts.strategy
        self.ranking: Ranking = parts.ranking
        self.parts, self.supernets, self.images, self.budget = parts, supernets, images, budget
        self.priced = priced
        self.space = parts.sampler.candidates(space)
        self._check_limits()
        self._told: Strategy = self._informed(list, lambda draw: ())  # which may refuse its settings, before it starts
        self._told_at: Tensor | None = None

    def _check_limits(self) -> None:
        size, ranked, most = math.prod(flat(self.space.choices)), self.ranking.ranked, self.ranking.most_macs
        if ranked > size:
            raise HarnessError(f"ranked={ranked} is more than the {size:,} genotypes of {self.space.name}.")
        if most:
            least, _ = path_macs(self.space, self.supernets.classes).least_and_most(self.space)
            if least > most * MILLION:
                raise HarnessError(
                    f"most_macs={most:g} is below every network of {self.space.name}: the smallest has "
                    f"{least / MILLION:.1f} million multiply-accumulates on an image of side {IMAGE_SIZE}."
                )

    def _informed(self, strengths: Strengths, sample: Callable[[Generator], Code]) -> Strategy:
        known = Known(
            self.ranking.ranked,
            self.legal,
            lambda: log_probabilities(self.space, strengths()),
            sample if self.parts.relaxation.samples_genotypes else None,
        )
        return self.strategy.informed(known) if isinstance(self.strategy, Informed) else self.strategy

    def _strategy_at(self, state: State, strengths: Strengths) -> Strategy:
        """The strategy, told what there is to know at the state's alpha; once, as alpha stays."""
        if self._told_at is not state.alpha:
            clock = self.parts.clock(min(state.epoch, self.parts.training.epochs - 1))

            def sample(draw: Generator) -> Code:
                relaxation, space = self.parts.relaxation, self.supernets.reduced
                return path_code(self.space, relaxation.gates(state.alpha, space, clock, draw, state.relaxed))

            self._told, self._told_at = self._informed(strengths, sample), state.alpha
        return self._told

    def legal(self, code: Code) -> bool:
        """Whether a genotype is a network within the limits."""
        try:
            self.space.decode(code)
        except HarnessError:  # `none` has left nothing of it
            return False
        most = self.ranking.most_macs
        return not most or path_macs(self.space, self.supernets.classes)(path_gates(self.space, code)) <= most * MILLION

    def begin(self, state: State, strengths: Strengths) -> None:
        """The search goes on, from the end of its training."""
        strategy, seed = self._strategy_at(state, strengths), self.supernets.seed
        none = torch.zeros(0, dtype=torch.float64)
        state.selection = {
            "codes": torch.zeros(0, len(flat(self.space.choices)), dtype=torch.int64),
            "epochs": none,
            "scores": none,
            "memory": strategy.start(self.space.choices, generator(seed, "selection/start")),
            "ended": state.stopped_by,
        }
        state.stopped_by = ""

    def advance(self, state: State, clock: Clock, strengths: Strengths) -> None:
        """One candidate, in place on the state."""
        supernets, history, selection = self.supernets, self.history(state), state.selection
        draw = generator(supernets.seed, "selection", len(history))
        strategy, memory = self._strategy_at(state, strengths), selection["memory"]
        for _ in range(MOST_PASSED_OVER):
            proposal = strategy.propose(self.space.choices, history, memory, draw)
            memory = proposal.memory
            if self.legal(proposal.code):
                break
        else:
            raise HarnessError(
                f"of {MOST_PASSED_OVER:,} genotypes none is a network within most_macs={self.ranking.most_macs:g}; "
                "set it higher."
            )
        gates = path_gates(self.space, proposal.code).to(supernets.device)
        gates = self.parts.edge.all_gates(gates, clock.epoch, clock.epochs)
        supernet = trained(supernets, self.images, state.cost)
        accuracy = self.ranking.score(supernet, gates, len(history), proposal.epochs)
        score = self.priced.seen(accuracy, self.space.decode(proposal.code))
        state.cost.evaluations += 1
        selection["codes"] = torch.cat([history.codes, torch.tensor([proposal.code])])
        selection["epochs"] = torch.cat([history.epochs, history.epochs.new_tensor([proposal.epochs])])
        selection["scores"] = torch.cat([history.accuracies, history.accuracies.new_tensor([score])])
        selection["memory"] = memory

    def over(self, state: State) -> str:
        """What ended the search, if it has ended."""
        if state.scored == self.ranking.ranked:
            ended: str = state.selection["ended"]
            return ended
        if state.cost.evaluations == self.budget.evaluations:
            return "evaluations"
        return state.out_of_time(self.budget)

    def history(self, state: State) -> History:
        selection = state.selection
        return History(selection["codes"], selection["epochs"], selection["scores"])

    def best(self, state: State) -> Genotype | None:
        """The best so far: of what was scored longest."""
        history = self.history(state)
        return self.space.decode(history.codes[history.best].tolist()) if len(history) else None

    def how_found(self, shown: Mapping[str, Any]) -> str:
        """In words, of a search of which a record shows this."""
        score = self.ranking.words
        if not self.priced.is_free:
            score = f"100 (1 - objective), whose error is 1 less the {score}"
        return (
            f"the best of {shown['ranked']} candidates that {type(self.strategy).__name__} proposed after training, of "
            f"those that were scored longest; a score is the {score}"
        )

    def shown(self, state: State) -> dict[str, Any]:
        """What records and results say of it."""
        history = self.history(state)
        best = history.best
        return {
            "ranked": len(history),
            "different": len(history.known),
            "best_score": float(history.accuracies[best]),
            "best_number": best,
            "by": self.ranking.words,
        }


def trained(supernets: Supernets, images: Images, cost: Cost) -> Trained:
    """The supernet as it is now, for the next candidate, whose copy of it is made anew."""
    supernets.scratch.copy_from(supernets.model)
    return Trained(
        model=supernets.scratch,
        train=images.of_weights,
        valid=images.valid,
        seed=supernets.seed,
        noise=lambda name, number: supernets.noise(f"selection/{name}", number),
        cost=cost,
    )


def log_probabilities(space: Space, strengths: Sequence[Mapping[str, float]]) -> list[Tensor]:
    """Of every node of a space, how probable each of its options is: the sum of the logarithms of the strengths of the
    operations that it picks, (options,) float64, the product of its choices in order."""
    rows = [[row[name] for name in edge.operations] for edge, row in zip(space.edges, strengths, strict=True)]
    logarithms = [torch.tensor(row, dtype=torch.float64).log().tolist() for row in rows]
    found, start, code = [], 0, [0] * len(flat(space.choices))
    for number, node in enumerate(space.choices):
        options = []
        for option in product(*map(range, node)):
            picks = space.picked([*code[:start], *option, *code[start + len(node) :]])[number]
            options.append(sum(logarithms[pick.row][pick.column] for pick in picks))
        found.append(torch.tensor(options, dtype=torch.float64))
        start += len(node)
    return found
