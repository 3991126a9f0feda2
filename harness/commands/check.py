"""`harness check`: whether what a plugin defines keeps to what its kind owes its users."""

from __future__ import annotations

import click

FAILED = 1


@click.command()
@click.argument("plugin", metavar="FILE|MODULE|PACKAGE")
@click.pass_context
def check(context: click.Context, plugin: str) -> None:
    """Run the conformance suite on all that a plugin, or an installed package, defines: some seconds for each part.

    Each method, rule, space, dataset, ... is tried by itself and in searches of a second on made data: that the same
    seed makes the same bits, that a search resumes to the bit after every step, keeps to its budget, counts its costs,
    and refuses bad settings. The exit code is 1 where anything fails.
    """
    from harness.testing.conformance import findings
    from harness.testing.subjects import subjects_of

    subjects = subjects_of(plugin)
    widths = [max(map(len, (subject.name for subject in subjects)))]
    widths.append(max(len(words) for subject in subjects for words in subject.checks))
    failed = passed = 0
    for finding in findings(subjects):
        outcome = f"failed: {finding.fault}" if finding.fault else "passed"
        click.echo(f"{finding.subject:<{widths[0]}}  {finding.check:<{widths[1]}}  {outcome}")
        failed, passed = failed + bool(finding.fault), passed + (not finding.fault)
    click.echo(f"{passed} passed, {failed} failed")
    if failed:
        context.exit(FAILED)
