"""Objectives as text: what is read, and that nothing else is."""

from __future__ import annotations

import math

import pytest
import torch

from harness.core.errors import HarnessError
from methods.pricing.expression import check_names, parse

VALUES = {"valid_loss": 2.0, "flops": 150e6, "latency": 20.0}


def tensors(**values):
    return {name: torch.tensor(value, dtype=torch.float64, requires_grad=True) for name, value in values.items()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("valid_loss", 2.0),
        ("valid_loss + 0.1*log(flops/300M)", 2 + 0.1 * math.log(0.5)),
        ("valid_loss*0.2*(log(latency)/log(80))**0.3", 0.4 * (math.log(20) / math.log(80)) ** 0.3),
        ("valid_loss * 0.2 * log(1k*latency)**.6", 0.4 * math.log(20e3) ** 0.6),
        ("valid_loss*(flops/0.15G)**0.07", 2.0),
        ("valid_loss + max(0, latency/10 - 1, -3)", 3.0),
        ("min(valid_loss, 1e9) - -abs(-3) + sqrt(exp(0))", 6.0),
    ],
)
def test_the_value_by_hand(text, expected):
    assert parse(text).value(tensors(**VALUES)).item() == pytest.approx(expected, rel=1e-12)


def test_the_gradient_by_hand():
    values = tensors(**VALUES)
    parse("valid_loss*0.2*log(latency)**0.6 + flops/1G").value(values).backward()
    assert values["valid_loss"].grad.item() == pytest.approx(0.2 * math.log(20) ** 0.6)
    assert values["latency"].grad.item() == pytest.approx(0.4 * 0.6 * math.log(20) ** -0.4 / 20)
    assert values["flops"].grad.item() == pytest.approx(1e-9)


def test_whole_powers_of_powers_end_at_once():
    assert parse("valid_loss + 9**9**9**9").value(tensors(valid_loss=1.0)).item() == math.inf


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("__import__('os').system('true')", "is not part of an objective"),
        ("valid_loss.__class__", "is not part of an objective"),
        ("(lambda: valid_loss)()", "is not part of an objective"),
        ("[valid_loss][0]", "is not part of an objective"),
        ("valid_loss if flops else 0", "is not part of an objective"),
        ("valid_loss < 1", "is not part of an objective"),
        ("valid_loss + True", "'True' is not part of an objective"),
        ("valid_loss + 1j", "'1j' in the objective is no number"),
        ("valid_loss + f'{flops}'", "is not part of an objective"),
        ("max(*valid_loss, 1)", "is not part of an objective"),
        ("eval(valid_loss)", "unknown function of the objective 'eval'"),
        ("logg(valid_loss)", "did you mean 'log'"),
        ("log(valid_loss, 2)", "log in the objective takes one argument, and is given 2"),
        ("log(x=valid_loss)", "is not part of an objective"),
        ("max(valid_loss)", "max in the objective takes two arguments or more"),
        ("valid_loss + log", "log in the objective is a function"),
        ("valid_loss + latency/20ms", "units are fixed: .* latencies milliseconds"),
        ("valid_loss + flops/300m", "its suffix may be k, M or G"),
        ("valid_loss + 1e400", "a number in the objective is too large"),
        ("valid_loss + " + "9" * 400, "a number in the objective is too large"),
        ("0.1*log(flops/300M)", "does not contain valid_loss"),
        ("", "cannot be read"),
        ("valid_loss +", "cannot be read"),
        ("valid_loss; flops", "cannot be read"),
        ("valid_loss\x00", "cannot be read"),
        ("(" * 300 + "valid_loss" + ")" * 180, "cannot be read"),
        ("valid_loss" + "+1" * 400, "give 500 or fewer"),
    ],
)
def test_what_is_no_objective_is_one_sentence(text, said):
    with pytest.raises(HarnessError, match=said) as caught:
        parse(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_deep_nesting_is_read_or_refused():
    assert parse("-" * 480 + "valid_loss").value(tensors(valid_loss=1.0)).item() == 1.0


def test_names_are_told_apart_from_those_that_are_known():
    check_names(parse("valid_loss + flops"), ["flops"])
    with pytest.raises(HarnessError, match="unknown cost of the objective 'flop'; did you mean 'flops'"):
        check_names(parse("valid_loss + flop"), ["flops"])
