"""The methods by name: which there are, what the generated crosses are made of, and which are refused where."""

from __future__ import annotations

import pytest

from harness.core.errors import HarnessError
from harness.core.types import Budget
from harness.testing import searches
from harness.testing.short import finish
from methods import CATALOGUE, METHODS
from methods.catalogue import zero_order
from methods.catalogue.variants import ALIASES, BASES, crosses
from methods.composition import LEFT_OUT, Composition
from methods.derivations import DERIVATIONS
from methods.families import KINDS, applies
from methods.objectives import OBJECTIVES
from methods.relaxations import RELAXATIONS
from methods.strategies import STRATEGIES
from spaces import SPACES
from spaces.edges import EDGES

PARTS = {kind: of for kind, of in KINDS.items() if kind not in ("objective", "derivation", "strategy")}
"""The kinds of which a composition names a member each."""
COMPOSITIONS = {name: method for name, method in CATALOGUE.items() if isinstance(method, Composition)}


def parts(method, space="darts"):
    return METHODS[method].parts(SPACES[space], Budget())


def test_every_part_that_a_method_names_exists_and_every_part_has_a_method():
    used = {
        key: {composition.parts.get(key, LEFT_OUT.get(key)) for composition in COMPOSITIONS.values()} for key in PARTS
    }
    assert used == {key: set(registry) for key, registry in PARTS.items()}
    strategies = {method.parts.get("strategy") for method in CATALOGUE.values()}
    assert strategies - {None} == set(STRATEGIES)


SPARSE_GATES = (
    *("hard-concrete", "sparse-code", "sparse-code-frozen", "rome-v1", "rome-v2"),
    *("uniform", "binary-gates", "controller"),
)


def test_hard_gates_and_the_edge_that_runs_what_has_one_go_together():
    """ReinMax' gates are hard too, but the estimator needs all operations."""
    for name, composition in COMPOSITIONS.items():
        assert (composition.relaxation in ("gumbel", "categorical")) == (composition.edge == "single-path"), name
        sparse = composition.relaxation in SPARSE_GATES or composition.sampler == "uniform"
        assert sparse == (composition.edge == "sparse"), name


def test_only_soft_gates_are_perturbed():
    for name, composition in COMPOSITIONS.items():
        assert composition.perturbation == "none" or composition.relaxation == "softmax", name


@pytest.mark.parametrize("base", BASES)
def test_a_cross_has_the_rule_and_lookahead_of_its_base_and_its_settings(base):
    for prefix in ("p", "g", "merge", "aux", "pc", "fair", "pr", "drnas", "sgas", "pt", "p-g", "p-merge"):
        name = f"{prefix}-{base}"
        ours, theirs = METHODS[name].composition, CATALOGUE[base]
        instead = {"warmup": 5} if prefix == "sgas" and "zarts" in base else {}
        assert (ours.rule, ours.lookahead) == (theirs.rule, theirs.lookahead)
        assert ours.settings == {**theirs.settings, **instead}
        assert theirs.source in ours.source
        assert base in ours.summary
    assert parts(f"g-{base}").relaxation == RELAXATIONS["gumbel"]
    assert parts(f"merge-{base}").edge == EDGES["merged"]
    assert parts(f"aux-{base}").edge == EDGES["auxiliary-skip"]
    assert parts(f"pc-{base}").edge == EDGES["partial-channels"]
    fair, pr = parts(f"fair-{base}"), parts(f"pr-{base}")
    assert (fair.relaxation, fair.objective) == (RELAXATIONS["sigmoid"], OBJECTIVES["zero-one"])
    assert fair.derivation == DERIVATIONS["threshold"]
    assert (pr.relaxation, pr.edge) == (RELAXATIONS["hard-concrete"], EDGES["sparse"])
    assert (pr.objective, pr.derivation) == (OBJECTIVES["path-depth"], DERIVATIONS["best-pairs"])
    assert parts(f"drnas-{base}").relaxation == RELAXATIONS["dirichlet"]
    assert parts(f"sgas-{base}").schedule.stage(49, 50).number == 8
    assert parts(f"pt-{base}").derivation == DERIVATIONS["perturbation"]
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


def test_crosses_of_the_further_rules_are_understood_and_not_listed():
    for base in zero_order.METHODS:
        for prefix in ("p", "g", "merge", "aux", "pc", "sgas", "pt", "p-g", "p-merge"):
            name = f"{prefix}-{base}"
            assert name in METHODS
            assert name not in CATALOGUE
            assert name not in list(METHODS)
            ours = METHODS[name].composition
            assert (METHODS[name].name, ours.rule) == (name, CATALOGUE[base].rule)
            assert parts(name).rule == parts(base).rule
    assert parts("g-zarts-cma").relaxation == RELAXATIONS["gumbel"]
    assert parts("sgas-zarts-nes").schedule.warmup == 5
    for wrong, near in {
        "g-zarts-cmaa": "g-zarts-cma",
        "zarts-spas": "zarts-spsa",
        "PC_zarts_nes": "pc-zarts-nes",
    }.items():
        with pytest.raises(HarnessError, match=f"did you mean '{near}'"):
            METHODS[wrong]


@pytest.mark.parametrize(
    ("name", "space"),
    [
        ("g-zarts-cma", "nasbench201"),
        ("pc-zarts-zo-adam", "nasbench201"),
        ("p-zarts-guided-es", "darts"),
        ("p-zarts-cma", "darts"),  # a diagonal loses entries,
        ("sgas-zarts-cma", "s1"),  # and a whole covariance rows and columns
    ],
)
def test_such_a_cross_searches(name, space):
    finished = finish(METHODS[name], SPACES[space])
    searches.finds_a_cell_of_the_space(finished)
    searches.moves_a_finite_alpha(finished)
    searches.resumes_to_the_bit(finished)


def test_gdas_has_the_settings_of_its_own_code():
    gdas = parts("gdas")
    assert (gdas.training.epochs, gdas.training.batch, gdas.data.valid_batch) == (250, 256, 256)
    assert (gdas.training.nesterov, gdas.training.weight_decay, gdas.rule.alpha_lr) == (True, 5e-4, 3e-4)
    assert gdas.schedule.order == "weights-first"
    assert gdas.derivation == parts("reinmax").derivation == DERIVATIONS["best-pairs"]
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


def test_snas_has_the_settings_of_its_own_code():
    for snas in (parts("snas", "darts-none"), parts("snas", "nasbench201")):
        assert (snas.training.epochs, snas.training.batch, snas.rule.alpha_clip, snas.rule.alpha_lr) == (
            150,
            64,
            10,
            3e-4,
        )
        assert (snas.relaxation.temperature, snas.relaxation.temperature_end) == (1, 0.03)
        assert (snas.schedule.order, snas.objective.resource_weight) == ("simultaneous", 0)
        assert snas.derivation == DERIVATIONS["every-edge"]


def test_pr_darts_has_the_settings_of_its_own_code():
    own = parts("pr-darts", "darts-none")
    assert (own.training.epochs, own.training.batch, own.data.valid_batch) == (200, 250, 250)
    assert (own.training.nesterov, own.training.weight_decay, own.schedule.order) == (True, 5e-4, "weights-first")
    assert (own.relaxation.temperature, own.relaxation.temperature_end) == (1, 0.1)
    assert (own.relaxation.active, own.relaxation.operation_drop) == (2, 0.4)
    assert own.objective == OBJECTIVES["path-depth"]
    assert own.derivation == DERIVATIONS["best-pairs"]
    assert parts("pr-darts", "nasbench201").training.batch == 64


def test_drnas_has_the_settings_of_its_own_code():
    own, benchmark = parts("drnas"), parts("drnas", "nasbench201")
    for drnas, expected in ((own, (50, 64, 0.1, 0, 6e-4)), (benchmark, (100, 64, 0.025, 0.001, 3e-4))):
        training = drnas.training
        assert (training.epochs, training.batch, training.lr, training.lr_min, drnas.rule.alpha_lr) == expected
        assert (training.weight_decay, drnas.rule.alpha_weight_decay) == (3e-4, 1e-3)
        assert drnas.objective == OBJECTIVES["none"]
    assert (own.schedule.order, benchmark.schedule.order) == ("alpha-first", "alpha-first")


def test_fair_darts_has_the_settings_of_its_own_code():
    own = parts("fair-darts")
    training, rule = own.training, own.rule
    assert (training.epochs, training.batch, own.data.valid_batch) == (50, 128, 128)
    assert (training.lr, training.lr_min, training.weight_decay) == (0.005, 0.001, 3e-4)
    assert (rule.alpha_lr, rule.alpha_beta1, rule.alpha_beta2, rule.alpha_weight_decay) == (3e-3, 0.9, 0.999, 1e-3)
    assert (own.objective.zero_one_weight, own.derivation.threshold) == (10, 0.85)


def test_beta_darts_is_darts_without_weight_decay_on_alpha():
    own = METHODS["beta-darts"].composition
    assert own.parts == {**METHODS["darts-1st"].composition.parts, "objective": "beta-decay"}
    assert parts("beta-darts").rule.alpha_weight_decay == 0
    assert parts("beta-darts").training == parts("darts-1st").training


def test_reinmax_is_gdas_but_for_the_estimator_which_needs_all_operations():
    own = METHODS["reinmax"].composition
    assert own.parts == {**METHODS["gdas"].composition.parts, "relaxation": "reinmax", "edge": "sum"}
    assert parts("reinmax").training.epochs == 250
    assert parts("reinmax", "nasbench201").training == parts("gdas", "nasbench201").training


def test_sdarts_is_darts_but_for_the_perturbation():
    for name in ("sdarts-rs", "sdarts-adv"):
        assert METHODS[name].composition.parts | {"perturbation": "none"} == METHODS["darts-1st"].composition.parts
        assert parts(name).training == parts("darts-1st").training
        benchmark = parts(name, "nasbench201")
        assert (benchmark.training.epochs, benchmark.schedule.order) == (100, "alpha-first")
        assert (benchmark.training.nesterov, benchmark.training.weight_decay) == (False, 3e-4)
    assert parts("sdarts-adv").perturbation.attack_steps == 7


def test_r_darts_is_second_order_darts_but_for_what_regularises_it():
    theirs = METHODS["darts-2nd"].composition.parts
    assert METHODS["r-darts-dp"].composition.parts == theirs | {"edge": "dropped-paths"}
    assert METHODS["r-darts-l2"].composition.parts == theirs
    assert parts("r-darts-dp", "s1").training == parts("darts-2nd", "s1").training
    assert (parts("r-darts-l2").training.weight_decay, parts("r-darts-dp").edge.search_drop_path) == (9e-4, 0.2)


@pytest.mark.parametrize("space", ["s1", "s2", "s3", "s4", "nasbench201"])
def test_a_merged_edge_is_refused_where_a_convolution_is_missing(space):
    for name, composition in COMPOSITIONS.items():
        merged = composition.edge == "merged"
        assert applies(composition, SPACES[space]) != merged, name
        if merged:
            with pytest.raises(HarnessError, match="shares one kernel"):
                parts(name, space)
