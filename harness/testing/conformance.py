"""The suite as a test of pytest's, and as findings for a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core.errors import HarnessError
from harness.core.registry import in_a_line
from harness.testing.requirement import Broken
from harness.testing.subjects import Subject, subjects_of


def conformance(plugin: str | Path) -> Any:
    """A test function with a case for every check of every member that a plugin, or an installed package, has:

        test_conformance = conformance(Path(__file__).with_name("my_method.py"))

    Needs pytest. Raises HarnessError for a plugin that cannot be imported or offers nothing."""
    import pytest

    cases = [
        pytest.param(check, id=f"{subject.name}: {words}")
        for subject in subjects_of(plugin)
        for words, check in subject.checks.items()
    ]

    @pytest.mark.parametrize("check", cases)
    def test(check: Any) -> None:
        check()

    return test


@dataclass(frozen=True)
class Finding:
    """What came of one check of one subject: what is wrong, in a sentence, or nothing."""

    subject: str
    check: str
    fault: str


def findings(subjects: Sequence[Subject]) -> Iterator[Finding]:
    """One check after the other. Where the first of a subject fails, the others are not made."""
    import torch

    torch.set_num_threads(1)  # what is computed is too small to share out
    for subject in subjects:
        for number, (words, check) in enumerate(subject.checks.items()):
            fault = _fault(check)
            yield Finding(subject.name, words, fault)
            if fault and number == 0:
                break


def _fault(check: Any) -> str:
    try:
        check()
    except (Broken, HarnessError) as error:
        return str(error)
    except Exception as error:
        return f"{in_a_line(error)}."
    return ""
