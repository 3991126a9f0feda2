"""FBNet: what is found of the candidates that are drawn after training."""

from __future__ import annotations

import math

import numpy as np
import pytest
from toy import ToyDataset, run_to_end, small_settings

from harness.core.types import Budget
from methods import METHODS
from methods.families import make_search
from methods.rankings.shared_weights import SharedWeights
from spaces import SPACES

SPACE = SPACES["nasbench201"]


def test_candidates_after_training_are_chosen_by_the_objective(monkeypatch):
    """FBNet's six, held to be equally accurate: the one of the least product is found."""
    monkeypatch.setattr(SharedWeights, "score", lambda *_: 60.0)
    text = "valid_loss * 0.2*log(flops)**0.6"
    settings = small_settings("fbnet", "nasbench201", warmup=0, objective=text)
    parts = METHODS["fbnet"].parts(SPACE, Budget(1), [settings])
    search = make_search(parts, SPACE, ToyDataset(12), 0, "cpu", Budget(1))
    state = run_to_end(search)
    codes, scores = state.selection["codes"].tolist(), state.selection["scores"].tolist()
    objectives = [0.4 * 0.2 * math.log(search.priced.of(SPACE.decode(code))["flops"]) ** 0.6 for code in codes]
    assert len({tuple(code) for code in codes}) == 6
    assert scores == pytest.approx([100 * (1 - objective) for objective in objectives])
    assert search.genotype(state) == SPACE.decode(codes[int(np.argmin(objectives))])
