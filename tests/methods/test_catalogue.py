"""The methods by name: which there are, what the generated crosses are made of, and which are refused where."""

from __future__ import annotations

import pytest

from harness.core.errors import HarnessError
from harness.core.types import Budget
from methods import CATALOGUE, METHODS
from methods.blackbox import STRATEGIES
from methods.catalogue.variants import ALIASES, BASES, crosses
from methods.composition import BlackBox, Composition
from methods.families import applies
from methods.lookaheads import LOOKAHEADS
from methods.perturbations import PERTURBATIONS
from methods.relaxations import RELAXATIONS
from methods.rules import RULES
from methods.schedules import SCHEDULES
from methods.stopping import STOPPINGS
from spaces import SPACES
from spaces.edges import EDGES

PARTS = {
    "rule": RULES,
    "lookahead": LOOKAHEADS,
    "relaxation": RELAXATIONS,
    "edge": EDGES,
    "schedule": SCHEDULES,
    "perturbation": PERTURBATIONS,
    "stopping": STOPPINGS,
}
COMPOSITIONS = {name: method for name, method in CATALOGUE.items() if isinstance(method, Composition)}


def parts(method, space="darts"):
    return METHODS[method].parts(SPACES[space], Budget())


WITHOUT_A_METHOD = {"relaxation": {"sigmoid"}, "edge": {"sparse"}, "schedule": {"single-level"}}
"""Parts that small compositions in test_new_parts.py use, and no registered method yet."""


def test_every_part_that_a_method_names_exists_and_every_part_has_a_method():
    used = {key: {composition.parts[key] for composition in COMPOSITIONS.values()} for key in PARTS}
    assert used == {key: set(registry) - WITHOUT_A_METHOD.get(key, set()) for key, registry in PARTS.items()}
    assert {method.strategy for method in CATALOGUE.values() if isinstance(method, BlackBox)} == set(STRATEGIES)


def test_hard_gates_and_the_edge_that_runs_one_operation_go_together():
    for name, composition in COMPOSITIONS.items():
        assert (composition.relaxation == "gumbel") == (composition.edge == "single-path"), name


def test_only_soft_gates_are_perturbed():
    for name, composition in COMPOSITIONS.items():
        assert composition.perturbation == "none" or composition.relaxation == "softmax", name


@pytest.mark.parametrize("base", BASES)
def test_a_cross_has_the_rule_and_lookahead_of_its_base_and_its_settings(base):
    for prefix in ("p", "g", "merge", "aux", "pc", "p-g", "p-merge"):
        name = f"{prefix}-{base}"
        ours, theirs = METHODS[name].composition, CATALOGUE[base]
        assert (ours.rule, ours.lookahead, ours.settings) == (theirs.rule, theirs.lookahead, theirs.settings)
        assert theirs.source in ours.source
        assert base in ours.summary
    assert parts(f"g-{base}").relaxation == RELAXATIONS["gumbel"]
    assert parts(f"merge-{base}").edge == EDGES["merged"]
    assert parts(f"aux-{base}").edge == EDGES["auxiliary-skip"]
    assert parts(f"pc-{base}").edge == EDGES["partial-channels"]
    both = parts(f"p-g-{base}")
    assert (both.relaxation, both.schedule.stage(49, 50).number) == (RELAXATIONS["gumbel"], 3)


def test_names_of_the_papers_are_those_of_crosses():
    for name, paper in ALIASES.items():
        assert METHODS[name].name == METHODS[paper].name == paper
        assert name not in CATALOGUE
        assert name in METHODS
    assert METHODS["gzas"].composition.rule == METHODS["mergezarts"].composition.rule == "mgs"
    assert METHODS["mergenas-2nd"].composition.lookahead == "unrolled"
    assert METHODS["aux-darts-1st"].name == "darts-minus"
    assert set(crosses()) >= {"g-zarts-rs", "merge-zarts-gld", "mergezarts", "gzas", "p-zarts", "p-g-zarts-mgs"}


def test_gdas_has_the_settings_of_its_own_code():
    gdas = parts("gdas")
    assert (gdas.training.epochs, gdas.training.batch, gdas.data.valid_batch) == (250, 256, 256)
    assert (gdas.training.nesterov, gdas.training.weight_decay, gdas.rule.alpha_lr) == (True, 5e-4, 3e-4)
    assert gdas.schedule.order == "weights-first"
    assert gdas.edge.unchosen_gates == "ignored"
    benchmark = parts("gdas", "nasbench201")
    assert (benchmark.training.batch, benchmark.edge.unchosen_gates) == (64, "added")
    assert parts("gzas").training == parts("zarts-mgs").training
    assert parts("gzas", "nasbench201").edge.unchosen_gates == "added"
    assert parts("g-darts-1st", "nasbench201").schedule.order == "weights-first"


def test_pc_darts_has_the_settings_of_its_own_code():
    own, benchmark = parts("pc-darts", "s3"), parts("pc-darts", "nasbench201")
    assert (own.training.batch, own.data.valid_batch, own.training.lr, own.training.lr_min) == (256, 256, 0.1, 0.0)
    assert (own.rule.alpha_lr, own.schedule.warmup, own.edge.shares) == (6e-4, 15, 4)
    assert (benchmark.training.batch, benchmark.training.lr, benchmark.rule.alpha_lr) == (64, 0.025, 3e-4)


def test_the_pc_darts_of_smoothdarts_is_darts_but_for_the_edge():
    """In the supplement's Table 2."""
    theirs = METHODS["pc-darts-1st"].composition
    assert theirs.parts | {"edge": "sum"} == METHODS["darts-1st"].composition.parts
    assert (parts("pc-darts-1st", "s1").training, parts("pc-darts-1st", "s1").rule) == (
        parts("darts-1st", "s1").training,
        parts("darts-1st", "s1").rule,
    )


def test_sdarts_is_darts_but_for_the_perturbation():
    for name in ("sdarts-rs", "sdarts-adv"):
        assert METHODS[name].composition.parts | {"perturbation": "none"} == METHODS["darts-1st"].composition.parts
        assert parts(name).training == parts("darts-1st").training
        benchmark = parts(name, "nasbench201")
        assert (benchmark.training.epochs, benchmark.schedule.order) == (100, "alpha-first")
        assert (benchmark.training.nesterov, benchmark.training.weight_decay) == (False, 3e-4)
    assert parts("sdarts-adv").perturbation.attack_steps == 7


@pytest.mark.parametrize("space", ["s1", "s2", "s3", "s4", "nasbench201"])
def test_a_merged_edge_is_refused_where_a_convolution_is_missing(space):
    for name, composition in COMPOSITIONS.items():
        merged = composition.edge == "merged"
        assert applies(composition, SPACES[space]) != merged, name
        if merged:
            with pytest.raises(HarnessError, match="shares one kernel"):
                parts(name, space)
