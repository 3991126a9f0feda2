"""Methods that train and rate sampled sub-networks."""

from __future__ import annotations

from collections.abc import Mapping

from methods.composition import Composition


def _rome(version: int, topology: str) -> Composition:
    return Composition(
        f"one operation per edge and {topology}, sampled; several samples a step",
        "ROME (Wang et al., ICCV 2023), Algorithm 1 and section 4.1; there is no public code",
        rule="adam",
        lookahead="averaged",
        relaxation=f"rome-v{version}",
        edge="sparse",
        sampler="accumulated",
        settings={"lr": 0.05},
        on={"nasbench201": {"lr": 0.025}},  # choice: as the benchmark's methods
    )


METHODS: Mapping[str, Composition] = {
    "rome-v1": _rome(1, "a pair of edges per node"),
    "rome-v2": _rome(2, "two edges per node"),
}
