"""The claim sheet: what a paper says, and what measured runs say of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.core.errors import HarnessError

if TYPE_CHECKING:
    from reports.claims.claim import Claim, Finding
    from reports.contents import Contents
    from reports.records import Records
    from reports.statistics.inference import Interval
    from reports.statistics.sheets import Sheet

NOTE = (
    "Measured: a mean over n seeds. True if: where the mean lies, if the claim is true. Supported: Student's 95 % "
    "interval of the mean lies there whole; contradicted: it lies outside. Hinges on: the seeds without any one of "
    "which the verdict would be another. The intervals are not corrected for how many claims there are."
)
HEADER = ("claim", "said in", "verdict", "measured", "mean", "95 % interval", "true if", "n", "hinges on", "but")
MOST_SEEDS = 5
"""That are named."""


@dataclass(frozen=True)
class ClaimSheet:
    """A row for each claim that something was measured of, and a line for each other."""

    name: str
    summary: str

    def files(self, records: Records, form: str, epoch: str) -> dict[str, bytes]:
        """Raises HarnessError where no claim was measured."""
        from reports.writing import files

        return files(self._contents(records, epoch), form, self.name, f"{self.name}.html")

    def text(self, records: Records, form: str, epoch: str) -> str:
        """Raises HarnessError where no claim was measured."""
        from reports import writing

        made = self._contents(records, epoch)
        if form == "csv":
            return next(iter(writing.csv(made, self.name).values()))
        return writing.latex(made) if form == "tex" else writing.markdown(made)

    def _contents(self, records: Records, epoch: str) -> Contents:
        from reports.claims.claim import UNMEASURED, judge
        from reports.claims.paper import CLAIMS
        from reports.contents import Contents

        findings = {claim: judge(claim, records) for claim in CLAIMS}
        measured = {claim: finding for claim, finding in findings.items() if finding.verdict != UNMEASURED}
        if not measured:
            raise HarnessError(
                "none of these runs tells of a claim; name studies with --results, such as results/studies, or do the "
                f"suites {', '.join(dict.fromkeys(claim.suite for claim in CLAIMS))}."
            )
        missing = [claim for claim in findings if claim not in measured]
        return Contents(records, epoch, sheets=[_sheet(measured)], remarks=_remarks(missing))


def _sheet(findings: Mapping[Claim, Finding]) -> Sheet:
    from reports.statistics.sheets import Sheet

    rows = tuple(
        (
            claim.says,
            claim.source,
            finding.verdict,
            claim.measured_as,
            "–" if finding.mean is None else f"{finding.mean:.3g}",
            _interval(finding.interval),
            str(claim.true_if),
            str(finding.n),
            _named(finding.hinges_on),
            finding.reason or claim.caveat,
        )
        for claim, finding in findings.items()
    )
    return Sheet("claims", "What the paper claims, and what these runs say", NOTE, HEADER, rows, left=4)


def _interval(of: Interval | None) -> str:
    if of is None:
        return "–"
    from reports.statistics.inference import SAME

    return "the same for all" if of.high - of.low < SAME else f"{of.low:.3g} to {of.high:.3g}"


def _named(seeds: Sequence[int]) -> str:
    if not seeds:
        return "none"
    more = f" and {len(seeds) - MOST_SEEDS} more" if len(seeds) > MOST_SEEDS else ""
    return ", ".join(map(str, seeds[:MOST_SEEDS])) + more


def _remarks(missing: Sequence[Claim]) -> list[str]:
    return [f"Not measured: {claim.says} ({claim.source}); {_commands(claim)}." for claim in missing]


def _commands(claim: Claim) -> str:
    """That would make what the claim is judged by."""
    analysis = f", and `harness analyse {claim.analysis}` for its runs" if claim.analysis else ""
    besides = f" and `{claim.besides}`" if claim.besides else ""
    return f"`harness suite run {claim.suite}`{besides}{analysis}"


CLAIMS = ClaimSheet(
    "claims", "what the paper claims, and what measured runs say of it: supported, contradicted, not decided"
)
