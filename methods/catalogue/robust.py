"""R-DARTS: second-order DARTS on a harder training problem, by data augmentation or by weight decay.

The tables' entries are of several strengths each, of which one is chosen: see [[select]] in harness.suite.definition.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from methods.catalogue.zarts import METHODS as BASE
from methods.composition import Composition

METHODS: Mapping[str, Composition] = {
    "r-darts-dp": replace(
        BASE["darts-2nd"],
        summary="darts-2nd with drop-path on the mixed edges and cutout, both growing",
        source="R-DARTS(DP) (Zela et al., ICLR 2020); automl/RobustDARTS src/search/train_search.py:111-116",
        edge="dropped-paths",
    ),
    "r-darts-l2": replace(
        BASE["darts-2nd"],
        summary="darts-2nd with more weight decay",
        source="R-DARTS(L2) (Zela et al., ICLR 2020); 9e-4 by itself (choice)",
        # It compares 3e-4, 9e-4, 27e-4 and 81e-4, and its scripts 243e-4, too.
        settings={"weight_decay": 9e-4},
    ),
}
