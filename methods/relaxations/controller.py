"""ENAS' relaxation: a recurrent network that emits one decision after another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor

from harness.core.settings import setting
from methods.derivations.nodes import INPUTS_OF_NODE, has_free_inputs
from methods.relaxations.gumbel import perturbed
from methods.relaxations.policy import Policy, Sample
from methods.relaxations.relaxation import NOTHING
from methods.schedules.clock import Clock
from spaces.cells import Edge
from spaces.space import Space

CONVOLUTIONS = ("sep_conv_3x3", "sep_conv_5x5")
"""The two operations of ENAS' space that its controller begins by preferring."""
INITIAL = 0.1
"""Parameters are drawn from U(-0.1, 0.1) (ENAS micro_controller.py; NAS-Bench-201)."""

Rows = Sequence[tuple[int, Edge]]
"""Edges with their rows."""
Choose = Callable[[Tensor], int]
"""From the log-probabilities (n,) of n options to the number of one."""


@dataclass(frozen=True)
class Controller(Policy):
    """alpha is the parameters of an LSTM, flat (ENAS, Pham et al., ICML 2018; melodyguan/enas src/cifar10/
    micro_controller.py). It makes a genotype decision by decision, each from a softmax, and reads each before the next.

    Of a cell whose nodes have free inputs, node by node: two different inputs, by additive attention over the states so
    far, then an operation on each of these edges, of those that the edge has and that can be derived. A state's anchor
    is what the LSTM gives once its node is made. The second kind of cell goes on from where the first has left the
    LSTM. Otherwise, as NAS-Bench-201's, edge by edge one operation (ENAS.py). Which edges have no operation have all
    gates 0, so it goes with an edge that runs only what has a gate.

    Choices: two different inputs, where ENAS' blocks may read one twice; NAS-Bench-201's LSTM without biases, as the
    original. It runs on the CPU, whatever the supernet's device: its steps are small, and wait for one another.

    Strengths are the probabilities along the way on which every decision is the most probable one, an operation's times
    its input's; edges that are not on it have none.
    """

    per_operation: ClassVar[bool] = False
    samples_genotypes: ClassVar[bool] = True
    lstm_layers: int = setting(1, "ENAS src/cifar10/main.py; NAS-Bench-201: 2", minimum=1)
    lstm_hidden: int = setting(64, "ENAS src/cifar10/main.py; NAS-Bench-201: 32", minimum=1)
    logit_temperature: float = setting(1.0, "ENAS: none; NAS-Bench-201: 5", minimum=1e-6)
    tanh_constant: float = setting(
        1.1, "ENAS scripts/cifar10_micro_search.sh: logits are this times tanh; NAS-Bench-201: 2.5", minimum=1e-6
    )
    tanh_reduction: float = setting(
        2.5, "ENAS, same place: those of operations this much smaller; NAS-Bench-201: 1", minimum=1e-6
    )
    convolution_bias: float = setting(
        10.0, "ENAS micro_controller.py: b of both separable convolutions at first, before tanh; NAS-Bench-201: 0"
    )
    convolution_bonus: float = setting(
        0.25,
        "ENAS micro_controller.py: in the first kind of cell, what their logits gain, and others lose, for good; "
        "NAS-Bench-201: 0",
        minimum=0,
    )

    def size(self, space: Space) -> int:
        return sum(shape.numel() for shape in self._shapes(space).values())

    def initial(self, space: Space, draw: Generator) -> Tensor:
        alpha = INITIAL * (2 * torch.rand(self.size(space), generator=draw) - 1)
        bias = self._parameters(alpha, space)["bias"]
        bias.copy_(torch.tensor([self.convolution_bias * (name in CONVOLUTIONS) for name in names_of(space)]))
        return alpha

    def sample(
        self, alpha: Tensor, space: Space, clock: Clock, draw: Generator, memory: Mapping[str, Tensor] = NOTHING
    ) -> Sample:
        made = self.emission(alpha, space, lambda logs: int(perturbed(logs, draw).argmax()))
        gates = torch.zeros(len(space.widths), max(space.widths), dtype=alpha.dtype)
        for row, (column, _) in made.operations.items():
            gates[row, column] = 1.0
        return Sample(*(own.to(alpha.device) for own in (gates, made.log_probability, made.entropy)))

    @torch.no_grad()
    def strengths(self, alpha: Tensor, space: Space, memory: Mapping[str, Tensor] = NOTHING) -> Tensor:
        made = self.emission(alpha, space, lambda logs: int(logs.argmax()))
        rows = torch.zeros(len(space.widths), max(space.widths), dtype=alpha.dtype)
        for row, (_, probabilities) in made.operations.items():
            rows[row, : len(probabilities)] = probabilities
        return rows.to(alpha.device)

    def emission(self, alpha: Tensor, space: Space, choose: Choose) -> Emission:
        """The genotype that alpha (d,) makes where options are chosen so."""
        return Emission(self, self._parameters(alpha.cpu(), space), space, choose)

    def bounded(self, logits: Tensor) -> Tensor:
        """Between minus and plus the constant."""
        return self.tanh_constant * (logits / self.logit_temperature).tanh()

    def _shapes(self, space: Space) -> dict[str, torch.Size]:
        """Of the parameters, in alpha's order."""
        hidden, options = self.lstm_hidden, len(names_of(space))
        shapes: dict[str, tuple[int, ...]] = {
            "start": (hidden,),
            **{f"lstm.{layer}": (4 * hidden, 2 * hidden) for layer in range(self.lstm_layers)},
            "embedding": (options, hidden),
            "operations": (options, hidden),
            "bias": (options,),
        }
        if has_free_inputs(space):
            shapes |= {"key": (hidden, hidden), "query": (hidden, hidden), "attention": (hidden,)}
        return {name: torch.Size(shape) for name, shape in shapes.items()}

    def _parameters(self, alpha: Tensor, space: Space) -> dict[str, Tensor]:
        """alpha (d,) as the tensors that it is."""
        shapes = self._shapes(space)
        pieces = alpha.split([shape.numel() for shape in shapes.values()])
        return {name: piece.view(shape) for (name, shape), piece in zip(shapes.items(), pieces, strict=True)}


def names_of(space: Space) -> tuple[str, ...]:
    """The operations that a controller knows: all of the space's, each once."""
    return tuple(dict.fromkeys(name for edge in space.edges for name in edge.operations))


class Emission:
    """A genotype, made decision by decision."""

    def __init__(self, controller: Controller, parameters: Mapping[str, Tensor], space: Space, choose: Choose) -> None:
        self._controller, self._parameters, self._space, self._choose = controller, parameters, space, choose
        self._names, self._start = names_of(space), parameters["start"]
        self._layers = [(torch.zeros_like(self._start),) * 2] * controller.lstm_layers
        """The hidden state and the cell of each."""
        self.log_probability = self.entropy = self._start.new_zeros(())
        self.operations: dict[int, tuple[int, Tensor]] = {}
        """By the rows of the edges that have an operation: its column, and the probabilities of all columns, times that
        of the edge as an input."""
        edges = list(enumerate(space.edges))
        for kind, own in space.cells.items():
            rows, edges = edges[: len(own)], edges[len(own) :]
            bonus = controller.convolution_bonus if kind == next(iter(space.cells)) else 0.0
            favour = [bonus if name in CONVOLUTIONS else -bonus for name in self._names]
            self._favour = self._start.new_tensor(favour)
            if has_free_inputs(space):
                self._cell(rows)
            else:
                given = self._start
                for row, edge in rows:
                    given = self._operation(row, edge, given)

    def _cell(self, rows: Rows) -> None:
        """The decisions of a cell with free inputs."""
        inputs, last = min(edge.target for _, edge in rows), max(edge.target for _, edge in rows)
        keys = [self._key(self._step(self._start)) for _ in range(inputs)]
        anchors = [torch.zeros_like(self._start)] * inputs
        for target in range(inputs, last + 1):
            given, chosen = self._start, list[tuple[int, Edge, float]]()
            open_rows = [(row, edge) for row, edge in rows if edge.target == target]
            for _ in range(min(INPUTS_OF_NODE, len(open_rows))):
                asked = self._parameters["query"] @ self._step(given)
                offered = torch.stack([keys[edge.source] for _, edge in open_rows])
                number, probabilities = self._decide(
                    self._controller.bounded((offered + asked).tanh() @ self._parameters["attention"])
                )
                row, edge = open_rows.pop(number)
                chosen.append((row, edge, float(probabilities[number])))
                given = anchors[edge.source]
            for row, edge, probability in chosen:
                given = self._operation(row, edge, given, probability)
            anchors.append(self._step(given))
            keys.append(self._key(anchors[-1]))

    def _operation(self, row: int, edge: Edge, given: Tensor, probability: float = 1.0) -> Tensor:
        """Decides on that of an edge, which is an input with this probability; returns what is read next."""
        scores = self._parameters["operations"] @ self._step(given) + self._parameters["bias"]
        logits = self._controller.bounded(scores) / self._controller.tanh_reduction + self._favour
        places = [self._names.index(name) for name in edge.operations]
        never = torch.tensor([not self._space.derivable(name) for name in edge.operations])
        column, probabilities = self._decide(logits[places].masked_fill(never, -torch.inf))
        self.operations[row] = column, probability * probabilities
        return self._parameters["embedding"][places[column]]

    def _decide(self, logits: Tensor) -> tuple[int, Tensor]:
        """One of the options with these logits (n,), and the probabilities of all; -inf is none."""
        logs = logits.log_softmax(dim=0)
        number, probabilities = self._choose(logs.detach()), logs.exp()
        self.log_probability = self.log_probability + logs[number]
        self.entropy = self.entropy - (probabilities * logs.where(logs > -torch.inf, 0.0)).sum().detach()
        return number, probabilities.detach()

    def _step(self, given: Tensor) -> Tensor:
        """The output (hidden,) of the LSTM for the next input (hidden,)."""
        for number, (hidden, cell) in enumerate(self._layers):
            i, f, o, g = (self._parameters[f"lstm.{number}"] @ torch.cat([given, hidden])).chunk(4)
            cell = i.sigmoid() * g.tanh() + f.sigmoid() * cell
            given = o.sigmoid() * cell.tanh()
            self._layers[number] = given, cell
        return given

    def _key(self, output: Tensor) -> Tensor:
        """What a state is found by."""
        return self._parameters["key"] @ output
