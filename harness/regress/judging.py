"""How what was measured is judged, by a stated test.

For each method and figure a Mann-Whitney U test asks whether the figures of now tend to be larger than the baseline's;
Holm's correction over all tests of a call holds the probability of any false alarm at FALSE_ALARMS or below, however
the tests depend on one another. The test needs independent runs of one distribution, nothing else: the seeds may be
fresh ones, or the baseline's, for which an unchanged tree gives the same numbers on the same machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from harness.core.errors import HarnessError
from harness.regress.measuring import Measured

FALSE_ALARMS = 0.01
"""Of a whole call: the most probable it is that an unchanged tree gets any alarm."""


@dataclass(frozen=True)
class Verdict:
    """One test: a figure of a method, now and in the baseline."""

    part: str
    method: str
    figure: str
    now: float
    baseline: float
    """Medians."""
    p: float
    """One-sided, of Mann and Whitney; uncorrected."""
    regressed: bool

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))


def judge(now: Measured, baseline: Measured, false_alarms: float = FALSE_ALARMS) -> list[Verdict]:
    """A verdict on every figure of now, the smallest p first. Holm's step-down: the i-th smallest of n is a regression
    if it and all before it are below false_alarms / (n - i). Raises HarnessError where the baseline lacks one."""
    ranked = sorted((p_larger(values, _known(baseline, key)), key) for key, values in now.items())
    verdicts, rejecting = [], True
    for place, (p, key) in enumerate(ranked):
        rejecting = rejecting and p < false_alarms / (len(ranked) - place)
        verdicts.append(Verdict(*key, median(now[key]), median(baseline[key]), p, rejecting))
    return verdicts


def p_larger(now: Sequence[float], baseline: Sequence[float]) -> float:
    """The probability, if both were of one distribution, of `now` being larger by ranks to this degree (Mann-Whitney U;
    exact for small samples without ties, else normal with the variance that ties leave)."""
    from scipy.stats import mannwhitneyu

    if len({*now, *baseline}) == 1:
        return 1.0
    return float(mannwhitneyu(now, baseline, alternative="greater").pvalue)


def _known(baseline: Measured, key: tuple[str, str, str]) -> list[float]:
    if key not in baseline:
        raise HarnessError(f"the baseline has nothing on {', '.join(key)}; accept one with `harness regress --update`.")
    return baseline[key]


def to_markdown(verdicts: Sequence[Verdict], notes: Sequence[str], seconds: float) -> str:
    """A summary for a CI page: the regressions first."""
    worse = [verdict for verdict in verdicts if verdict.regressed]
    methods = dict.fromkeys(f"{verdict.method} ({verdict.part})" for verdict in worse)
    head = f"**{len(methods)} regressed: {', '.join(methods)}**" if worse else "No regression."
    rows = [
        f"| {'**worse**' if v.regressed else 'ok'} | {v.method} | {v.part} | {v.figure} "
        f"| {v.baseline:.4g} | {v.now:.4g} | {v.p:.2g} |"
        for v in verdicts
    ]
    method = (
        f"Medians over seeds. One-sided Mann-Whitney U tests, {len(verdicts)} of them, with Holm's correction: an "
        f"unchanged tree gets any alarm with probability {FALSE_ALARMS:.0%} at most. {seconds:.0f} s."
    )
    return "\n".join(
        [
            "## harness regress",
            "",
            head,
            "",
            *(f"> {note}\n" for note in notes),
            "| | method | part | figure (smaller is better) | baseline | now | p |",
            "|---|---|---|---|---|---|---|",
            *rows,
            "",
            method,
        ]
    )
