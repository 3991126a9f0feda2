"""A method: known parts in a new combination, under settings of its own.

harness run --plugin example_name.py --method example-name --space s1 --dataset digits --protocol smoke
"""

from methods.composition import Composition

METHODS = {
    "example-name": Composition(
        "zarts-mgs at the current weights, with wider samples",  # for `harness list methods`
        "(where it comes from: a paper, a section, a line of code)",
        rule="mgs",  # how alpha moves
        lookahead="first-order",  # at which weights its losses are taken
        # Further parts, each by name or as an object: relaxation, edge, schedule, perturbation, stopping.
        settings={"sigma": 0.1, "samples": 8},  # where it differs from its parts' defaults; see `harness describe`
        on={"nasbench201-table": {"tau": 0.001}},  # and further on one space
    )
}
