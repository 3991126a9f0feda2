"""The command line: the commands by name, and what becomes of errors. A command is imported when it is called for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from harness.core.errors import HarnessError, Interrupted
from harness.core.version import __version__

COMMANDS: Mapping[str, str] = {
    name: f"harness.commands.{name}:{function}"
    for name, function in {
        "run": "run",
        "evaluate": "evaluate",
        "list": "list_",
        "describe": "describe",
        "report": "report",
        "analyse": "analyse",
        "regress": "regress",
        "suite": "suite",
        "data": "data",
    }.items()
}
"""Where each command is."""
WRONG, INTERRUPTED = 2, 130


class Commands(click.Group):
    """Turns the harness's errors into one line and an exit code; `--debug` shows the traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, _, function = COMMANDS[name].partition(":")
        command: click.Command = getattr(import_module(module), function)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except HarnessError as error:
            if ctx.params["debug"]:
                raise
            click.echo(f"harness: {error}", err=True)
            ctx.exit(WRONG)
        except Interrupted as stop:
            click.echo(f"harness: {stop} Run the same command again to go on.", err=True)
            ctx.exit(INTERRUPTED)
        except KeyboardInterrupt:
            click.echo("harness: interrupted.", err=True)
            ctx.exit(INTERRUPTED)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="harness")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """Run neural architecture searches that can be killed, resumed and compared.

    \b
    harness run --method zarts-mgs --space s1 --dataset digits    search; run it again to resume
    harness evaluate RUN_DIR                                      train the cell it found, or look it up
    harness list methods                                          what there is
    harness describe zarts-mgs                                    parts, sources, hyper-parameters
    harness suite run table2                                      many searches, on every device there is
    harness report table2                                         the paper's table, measured beside published
    """
