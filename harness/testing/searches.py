"""What every method owes its users on every space that it applies to, seen on a short search."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import torch

from harness.core.genotype import AND_SKIP, Genotype, parse
from harness.testing.requirement import require
from harness.testing.short import EPOCHS, QUICK, STEPS, Finished, short_search
from harness.testing.states import restored, run_to_end, same, saved, timeless
from methods.blackbox.search import BlackBoxSearch
from methods.composition import BlackBox
from methods.derivations.derivation import Derivation
from methods.families import AnySearch
from methods.method import Method
from methods.search.search import Search
from methods.tabular.data import TableData
from methods.tabular.search import TableSearch
from spaces import Space


def finds_a_cell_of_the_space(finished: Finished) -> None:
    result = finished.result
    require_cell_of(result.genotype, finished.space)
    require(result.stopped_by == "epochs", f"a search of {EPOCHS} epochs is stopped by {result.stopped_by!r}")
    epochs = [values.get("epochs") for values in result.settings.values()]
    require(EPOCHS in epochs, f"the budget of {EPOCHS} epochs is in none of the resolved settings")


def require_cell_of(genotype: Genotype, space: Space) -> None:
    """Raises Broken for a genotype that has an edge, or an operation there, that the space does not have."""
    require(genotype.kinds == tuple(space.cells), f"the genotype has the cells {list(genotype.kinds)}")
    for kind, edges in space.cells.items():
        allowed = {(edge.target, edge.source): edge.operations for edge in edges}
        cell = genotype[kind]
        for target, node in enumerate(cell.nodes, start=cell.inputs):
            for operation, source in node:
                known = operation.removesuffix(AND_SKIP) in allowed.get((target, source), ())
                require(known, f"{operation} from state {source} to {target} of the {kind} cell is not in the space")


def moves_a_finite_alpha(finished: Finished) -> None:
    """Where there is one."""
    alpha, space, search = finished.result.alpha, finished.space, finished.search
    if isinstance(finished.method.composition, BlackBox):
        require(alpha == (), "a black-box method has no alpha")
        return
    if isinstance(search, Search):
        kept, relaxation = finished.state.kept, search.parts.relaxation
        candidates = finished.result.records[-1]["candidates"]
        require(candidates == [len(names) for names in kept], "the record counts other operations than are left")
        size, most = relaxation.size(space.restricted(kept)), relaxation.size(space)
        require(len(alpha) == size <= most, f"alpha has {len(alpha)} entries, its relaxation says {size} of {most}")
    else:
        require(len(alpha) == space.dimension, f"alpha has {len(alpha)} entries, its space {space.dimension}")
    require(all(map(math.isfinite, alpha)), "alpha is not finite")
    if _has_alpha(search):
        require(not torch.equal(finished.state.alpha, search.start().alpha), "alpha has never moved")
    for record in finished.result.records:
        entropy, uniform = record["alpha_entropy"], math.log(max(space.widths))
        require(0 <= entropy <= uniform + 1e-9, f"the entropy of alpha is {entropy}, outside 0 to {uniform:.4g}")


def records_every_epoch(finished: Finished) -> None:
    """In JSON, without a number that is not finite."""
    records = finished.result.records
    numbers = [record["epoch"] for record in records]
    require(numbers == list(range(EPOCHS)), f"the records are of the epochs {numbers}, and {EPOCHS} were searched")
    require_json("a record", list(records))
    require_json("the settings", finished.result.settings)
    for record in records:
        kinds = parse(record["genotype"]).kinds
        require(kinds == finished.result.genotype.kinds, f"the genotype of a record has the cells {list(kinds)}")
        require(record["operations"].keys() == set(finished.space.cells), "a record does not count all operations")
    if not _concludes(finished.search):
        last = records[-1]["genotype"]
        require(last == str(finished.result.genotype), "the last record has another genotype than the result")


def _has_alpha(search: AnySearch) -> bool:
    """Whether there is an alpha that moves."""
    return not isinstance(search, Search) or search.parts.schedule.has_alpha


def _concludes(search: AnySearch) -> bool:
    """Whether the cell that is found is measured at the end, and need not be what alpha derives to."""
    return isinstance(search, Search) and type(search.parts.derivation).conclude is not Derivation.conclude


def require_json(what: str, value: Any) -> None:
    """Raises Broken for what JSON cannot hold, or returns as something else."""
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        require(False, f"{what} cannot be written as JSON: {error}")
    require(json.loads(text) == value, f"{what} is not what is read back from its JSON")


def counts_costs(finished: Finished) -> None:
    costs = [record["cost"] for record in finished.result.records]
    for name, value in costs[0].items():
        if name != "memory_kind":
            require(0 <= value <= costs[1][name], f"{name} goes from {value} down to {costs[1][name]}")
    last = finished.result.cost
    counted = timeless(last.to_json()) == timeless(costs[-1])  # the cell may be concluded after the last record
    require(counted, "the cost of the result is not that of its last record")
    for name in ("steps", "seconds", "peak_memory"):
        require(getattr(last, name) > 0, f"no {name} are counted")
    if isinstance(finished.search, Search):
        steps = [cost["weight_steps"] for cost in costs]
        per_epoch = finished.search.weight_steps(0)
        require(steps == [per_epoch, EPOCHS * per_epoch], f"weight steps are counted as {steps}")
        updates = sum(record["alpha_updates"] for record in finished.result.records)
        moved = last.alpha_steps == updates and (updates > 0) == _has_alpha(finished.search)
        require(moved, f"{last.alpha_steps} updates of alpha are counted, and {updates} made")
        ranked = finished.state.scored
        require(last.evaluations == ranked, f"{last.evaluations} evaluations are counted, and {ranked} made")
        of_second_order = finished.search.parts.stopping.watches(0, EPOCHS)  # a Hessian product has two backward passes
        trained = last.weight_steps + last.finetune_steps
        require(
            last.forwards * (1 + of_second_order) >= last.backwards >= trained,
            f"{last.forwards} forward and {last.backwards} backward passes are counted for {trained} weight steps",
        )
        most = last.forwards * QUICK["batch"]
        require(last.forwards <= last.images <= most, f"{last.images} images in {last.forwards} forward passes")
        require(last.asked >= updates, f"{last.asked} losses and gradients are counted for {updates} updates of alpha")
        require(last.validation_seconds > 0, "the validation takes no time")
    if isinstance(finished.search, TableSearch):
        require(last.alpha_steps == STEPS, f"{last.alpha_steps} updates of alpha are counted, and {STEPS} made")
        require(last.forwards >= STEPS, f"{last.forwards} looks at the objective for {STEPS} updates of alpha")
    if isinstance(finished.search, BlackBoxSearch):
        require(last.evaluations == EPOCHS, f"{last.evaluations} evaluations are counted, and {EPOCHS} made")
        on_table = isinstance(finished.search.dataset, TableData)
        spent = (last.simulated_seconds > 0, last.images > 0)
        require(spent == (on_table, not on_table), "a trial is charged the table's seconds, or images, not both")


def repeats_itself(finished: Finished) -> None:
    """The same seed makes the same bits."""
    search = finished.again()
    first, second = restored(search, finished.first), search.advance(search.start())
    require(same(first, second), "two searches of one seed differ after a step; draw from the generator that is given")


def resumes_to_the_bit(finished: Finished) -> None:
    """Saved, loaded and gone on with after every step, the search ends as the one that never was."""
    search = finished.again()
    state = restored(search, finished.first)
    while not state.stopped_by:
        file = saved(search.advance(state))
        search = finished.again()
        state = restored(search, file)
    what = "a search that is saved and loaded after every step ends otherwise than one that runs through"
    require(same(state, finished.state), f"{what}; keep what decides the next step in the memory or the state")


def ends_with_its_seconds(finished: Finished) -> None:
    """Where they are used up before the epochs, with a cell and a record of what was done."""
    search = finished.again(seconds=1e-9)
    result = search.result(run_to_end(search))
    require(result.stopped_by == "seconds", f"a budget of 1e-9 seconds is stopped by {result.stopped_by!r}")
    require(len(result.records) == 1, f"a search of one step has {len(result.records)} records")
    require_cell_of(result.genotype, finished.space)


CHECKS: Mapping[str, Callable[[Finished], None]] = {
    "finds a cell of the space": finds_a_cell_of_the_space,
    "moves a finite alpha": moves_a_finite_alpha,
    "records every epoch": records_every_epoch,
    "counts its costs": counts_costs,
    "repeats itself": repeats_itself,
    "resumes to the bit": resumes_to_the_bit,
    "ends with its seconds": ends_with_its_seconds,
}
"""In words, what a search that is at its end is held to."""


def differs_by_seed(method: Method, space: Space) -> None:
    """Another seed is another search."""
    first, other = (short_search(method, space, seed) for seed in (0, 1))
    a, b = first.start(), other.start()
    if isinstance(first, BlackBoxSearch):
        trials = [search.advance(state) for search, state in ((first, a), (other, b))]
        codes = [state.trial or state.codes.tolist() for state in trials]  # under way, or over after one epoch
        require(codes[0] != codes[1], "two seeds have the same first trial")
        return
    if isinstance(first, Search) and isinstance(other, Search):
        require(not torch.equal(a.weights, b.weights), "two seeds begin with the same weights")
        for ours, theirs in zip(
            first.images.batch_of_weights(0, 0, 0), other.images.batch_of_weights(0, 0, 0), strict=True
        ):
            require(not torch.equal(ours, theirs), "two seeds begin with the same batch")
        if not _has_alpha(first):
            return
    else:  # on a supernet alpha may begin where it is told to
        require(not torch.equal(a.alpha, b.alpha), "two seeds begin with the same alpha")
    moves = [_moved(search, state).alpha - search.start().alpha for search, state in ((first, a), (other, b))]
    require(not torch.equal(*moves), "two seeds make the same first update of alpha")


def _moved(search: AnySearch, state: Any) -> Any:
    """The state after the first step that moves alpha."""
    while not state.stopped_by and not state.cost.alpha_steps:
        state = search.advance(state)
    return state
