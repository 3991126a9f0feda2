"""Where cells will work, by the runner's own planning: this is the part of a suite that needs torch."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.core.errors import HarnessError
from harness.core.genotype import Genotype, parse
from harness.data.catalogue import DATASETS
from harness.data.identity import default_root
from harness.evaluation import evaluate
from harness.evaluation.recipes import LOOKUP, recipe_for
from harness.runs import protocol as protocols
from harness.runs import runner
from harness.runs.code import digest_of
from harness.runs.folder import check_code, spec_hash
from harness.suite.definition import EvaluationCell, SearchCell, SelectionCell, SuiteCell, Work
from spaces import SPACES, Space
from spaces.published import PUBLISHED

TYPICAL = (
    PUBLISHED["DARTS_V2"].genotype,
    parse(
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|"
        + "|".join(f"nor_conv_3x3~{source}" for source in range(3))
        + "|"
    ),
)
"""The cells that stand for those that searches will find: a published one, and the most expensive one."""


def _typical(space: Space) -> Genotype:
    """The cell that stands for those of a space: of the typical ones, else that of every choice's last option."""
    known = {genotype.kinds: genotype for genotype in TYPICAL}
    last = [options - 1 for node in space.choices for options in node]
    return known.get(tuple(space.cells)) or space.decode(last)


def _without_cell(plan: evaluate.Plan) -> dict[str, Any]:
    """The spec of an evaluation before the search has found the cell."""
    return {key: value for key, value in plan.spec.items() if key != "genotype"}


class Planner:
    """Plans the cells of one suite; what all seeds have in common, once."""

    def __init__(self, device: str = "cpu", data_root: Path | None = None) -> None:
        self.device, self.data_root = device, data_root
        self._protocols: dict[str, protocols.Protocol] = {}
        self._searches: dict[SearchCell, runner.Plan] = {}
        self._evaluations: dict[EvaluationCell, evaluate.Plan] = {}

    def place(self, cell: SuiteCell) -> dict[str, Any]:
        """The fields of `harness.suite.cells.Cell` besides what was asked for. Raises HarnessError."""
        if isinstance(cell, SearchCell):
            kind = self._kind(cell)
            where = {"folder": str(self.search(cell).folder), "code": digest_of(kind.code)}
            return {**where, "on_table": bool(kind.space.table)}
        if isinstance(cell, SelectionCell):
            return {"folder": self._name(cell), "code": ""}
        plan = self.evaluation(cell)
        name, _, _ = plan.name.rpartition("-")  # the rest is the digest, of which the genotype is a part
        code = digest_of(plan.code) if plan.code else ""
        return {
            "folder": self._name(cell.selection) if cell.selection else str(self.search(cell.search).folder),
            "code": code,
            "evaluation": {"name": name, "spec": _without_cell(plan)},
        }

    def _name(self, cell: SelectionCell) -> str:
        """Of its file, without ending: another one for all that decides what the file says."""
        search = self.search(cell.search)
        decides = {
            "among": cell.among,
            "searches": [[self.search(each).folder.name, *each.settings] for each in cell.searches],
            "trainings": [_without_cell(self.evaluation(each)) for each in cell.trainings],
        }
        name = f"selection-{search.spec['method']}-{search.spec['space']}-{search.spec['dataset']}"
        return str(search.folder.parent / f"{name}-{spec_hash(decides)[:8]}")

    def check_code(self, cell: SuiteCell, folder: Path) -> None:
        """Raises OtherCode, naming the files that changed, where other code has worked in the cell's folder."""
        if isinstance(cell, EvaluationCell):
            check_code(folder, self.evaluation(cell).code)
        elif isinstance(cell, SearchCell):
            check_code(folder, self.search(cell).code)

    def evaluation(self, cell: EvaluationCell) -> evaluate.Plan:
        """As `harness evaluate` will plan it, but for another cell of the same space."""
        kind = replace(cell, search=replace(cell.search, seed=0), selection=None)
        if kind not in self._evaluations:
            self._evaluations[kind] = self._evaluation(kind)
        return self._evaluations[kind]

    def _evaluation(self, cell: EvaluationCell) -> evaluate.Plan:
        epochs = self.search(cell.search).spec["budget"]["epochs"]
        if cell.at_epoch is not None and cell.at_epoch > epochs:
            raise HarnessError(f"at_epoch {cell.at_epoch}: the search has {epochs} epochs; name one of them.")
        space = SPACES[cell.search.space]
        subject = evaluate.Subject(_typical(space), space.name)
        looked_up = recipe_for(subject.genotype, cell.recipe, subject.table) == LOOKUP
        if looked_up and cell.seed:
            raise HarnessError(
                f"seed {cell.seed}: its cell is looked up, not trained, which takes no seed; leave it out."
            )
        request = evaluate.Request(
            str(subject.genotype),
            cell.dataset or (None if looked_up else cell.search.dataset),
            cell.recipe,
            cell.protocol or (None if looked_up else cell.search.protocol),
            seed=cell.seed,
            assignments=cell.settings,
            device=self.device,
            data_root=self.data_root,
        )
        return evaluate.plan_cell(request, subject)

    def search(self, cell: SearchCell) -> runner.Plan:
        """As `harness run` will plan it."""
        plan = self._kind(cell)
        return replace(plan, spec={**plan.spec, "seed": cell.seed})

    def images_of(self, cell: Work) -> str | None:
        """The data set that a cell reads images of; None where it looks everything up, or cannot be planned."""
        with suppress(HarnessError):
            if isinstance(cell, SearchCell):
                return None if self._kind(cell).space.table else cell.dataset
            training = self.evaluation(cell).training
            return training.dataset if training else None
        return None

    def fault_of_images(self, name: str) -> str:
        """Why a data set that has a name cannot be read without fetching it; empty where it can, and for paths."""
        try:
            if name in DATASETS:
                DATASETS[name].read(self.data_root or default_root(), download=False)
        except HarnessError as error:
            return f"{error} `harness data prepare {name}` fetches what can be fetched."
        return ""

    def _kind(self, cell: SearchCell) -> runner.Plan:
        """The plan of the same search with the seed 0."""
        kind = replace(cell, seed=0)
        if kind not in self._searches:
            self._searches[kind] = runner.plan(
                runner.Request(
                    kind.method,
                    kind.space,
                    kind.dataset,
                    self._protocol(kind.protocol),
                    seed=kind.seed,
                    assignments=kind.settings,
                    device=self.device,
                    data_root=self.data_root,
                    results=Path(),
                )
            )
        return self._searches[kind]

    def _protocol(self, name: str) -> protocols.Protocol:
        if name not in self._protocols:
            self._protocols[name] = protocols.load(name)
        return self._protocols[name]
