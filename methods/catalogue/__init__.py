"""The methods: which parts they are made of, what they set, and where they come from. One literal entry each, by
family, and the crosses of five of them with the variants of their parts, which are generated. Rules from outside have
methods too, and they and the further rules have crosses, which are understood by their names and not listed.

Needs no torch, so that `harness list methods` answers at once. `methods.families` turns names into parts.
"""

from __future__ import annotations

from harness.core.registry import Registry, from_outside
from methods.catalogue import (
    blackbox,
    darts,
    decided,
    gradients,
    oneshot,
    policies,
    robust,
    sampled,
    sampling,
    sparse,
    zarts,
    zero_order,
)
from methods.catalogue.variants import ALIASES as ALIASES
from methods.catalogue.variants import crosses, crosses_of
from methods.composition import BlackBox, Composition

CATALOGUE: Registry[Composition | BlackBox] = Registry(
    "methods",
    "method",
    {
        **zarts.METHODS,
        **zero_order.METHODS,
        **darts.METHODS,
        **robust.METHODS,
        **gradients.METHODS,
        **sampling.METHODS,
        **crosses(),
        **decided.METHODS,
        **sampled.METHODS,
        **sparse.METHODS,
        **oneshot.METHODS,
        **policies.METHODS,
        **blackbox.METHODS,
    },
    interface="methods.composition:AnyMethod",
)


def unlisted() -> dict[str, Composition]:
    """What is understood as well: ZARTS with each rule from outside, called zarts-RULE, and every cross of that and of
    the further rules. Of a method that a plugin calls so itself, the crosses."""
    working, _ = CATALOGUE.working()
    made = {
        f"zarts-{rule}": zero_order.with_rule(rule, f"ZARTS with the rule {rule}", "a rule from outside")
        for rule in from_outside("rules")
    }
    known = {name: method for name in made if isinstance(method := working.get(name), Composition)}
    return {**made, **crosses_of({**zero_order.METHODS, **made, **known})}
