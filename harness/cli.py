"""The command line: the commands by name, and what becomes of errors. A command is imported when it is called for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from harness.core import toml
from harness.core.errors import LONGEST_MESSAGE, HarnessError, Interrupted, visible
from harness.core.registry import add_plugins
from harness.core.version import __version__

COMMANDS: Mapping[str, str] = {
    name: f"harness.commands.{name}:{function}"
    for name, function in {
        "run": "run",
        "evaluate": "evaluate",
        "list": "list_",
        "describe": "describe",
        "export": "export",
        "report": "report",
        "compare": "compare",
        "analyse": "analyse",
        "regress": "regress",
        "suite": "suite",
        "data": "data",
        "measure": "measure",
        "new": "new",
        "check": "check",
    }.items()
}
"""Where each command is."""
WRONG, INTERRUPTED = 2, 130


LONGEST_ERROR = 3 * LONGEST_MESSAGE
"""Of a message that names several mistakes, or paths of any length."""
PROJECT_FILE = "harness.toml"
"""Names the plugins of all commands in the folder that it lies in: plugins = ["my_method.py"]."""


def with_plugins(command: click.Command) -> click.Command:
    """The command, and all under it, with the option --plugin."""
    if isinstance(command, click.Group):
        for name in command.commands:
            with_plugins(command.commands[name])
    elif not any(parameter.name == "plugins" for parameter in command.params):
        command.params.append(
            click.Option(
                ["--plugin", "plugins"],
                multiple=True,
                metavar="FILE|MODULE",
                expose_value=False,
                is_eager=True,
                callback=lambda context, parameter, names: add_plugins(names),
                help="A Python file or module with methods, rules, spaces, ... of your own. May be given again.",
            )
        )
    return command


def add_project_plugins() -> None:
    """Takes in the plugins that harness.toml in the current folder names. Raises HarnessError."""
    path = Path(PROJECT_FILE)
    if not path.exists():
        return
    try:
        table = toml.tables("file", path.read_text("utf-8"), PROJECT_FILE)
        toml.check_keys(table, ("plugins",), required=())
        add_plugins(toml.strings(table, "plugins", "files or modules") if "plugins" in table else [])
    except (OSError, ValueError) as error:
        raise HarnessError(f"{PROJECT_FILE}: {error}.") from None


class Commands(click.Group):
    """Turns the harness's errors into one line and an exit code; `--debug` shows the traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, _, function = COMMANDS[name].partition(":")
        return with_plugins(getattr(import_module(module), function))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except HarnessError as error:
            if ctx.params["debug"]:
                raise
            _tell(ctx, str(error))
        except PermissionError as error:  # on its way to a file, wherever one is looked for
            if ctx.params["debug"] or error.filename is None:
                raise
            _tell(ctx, f"{error.filename} cannot be reached: {error.strerror}; see to the permissions of its folders.")
        except click.UsageError as error:
            if isinstance(error, click.exceptions.NoArgsIsHelpError):
                raise
            raise click.UsageError(visible(error.format_message(), LONGEST_MESSAGE), error.ctx) from None
        except Interrupted as stop:
            click.echo(f"harness: {stop} Run the same command again to go on.", err=True)
            ctx.exit(INTERRUPTED)
        except KeyboardInterrupt:
            click.echo("harness: interrupted.", err=True)
            ctx.exit(INTERRUPTED)


def _tell(ctx: click.Context, message: str) -> None:
    """Ends the command, which was wrong."""
    click.echo(f"harness: {visible(message, LONGEST_ERROR)}", err=True)
    ctx.exit(WRONG)


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
    harness report                                                what your runs came to; or the paper's tables
    harness compare zarts-mgs darts-1st                           which is better, and whether that is decided
    """
    add_project_plugins()
