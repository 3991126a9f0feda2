"""`harness measure`: what operations cost on this machine."""

from __future__ import annotations

from pathlib import Path

import click

from harness.commands import options


@click.group()
def measure() -> None:
    """Measure what operations cost on this machine, for objectives with a price."""


@measure.command()
@click.option("--space", required=True, help="Whose operations; see `harness list spaces`.")
@options.device()
@click.option("--batch", type=click.IntRange(min=1), default=1, show_default=True, help="Images at a time.")
@click.option("--image-size", type=click.IntRange(min=1), default=32, show_default=True, help="Their side, in pixels.")
@click.option("--classes", type=click.IntRange(min=2), default=10, show_default=True, help="Of the networks.")
@click.option("--repeats", type=click.IntRange(min=1), default=30, show_default=True, help="Timings of each operation.")
@click.option("--threads", type=click.IntRange(min=1), help="Of torch on a CPU; as many as it takes unless told.")
@options.settings("The size of the networks, such as channels=16 or cells=5; as published unless told.")
@click.option("--out", type=click.Path(path_type=Path), help="The table's file; the user's cache unless told.")
@options.as_json()
def latency(
    space: str,
    device: str,
    batch: int,
    image_size: int,
    classes: int,
    repeats: int,
    threads: int | None,
    assignments: tuple[str, ...],
    out: Path | None,
    as_json: bool,
) -> None:
    """Time every candidate operation where it stands in the networks of a space, and keep the table.

    \b
    harness measure latency --space nasbench201 --batch 64
    harness run --method zarts-mgs --space nasbench201 ... --objective 'valid_loss + 0.1*log(latency)'

    The table is written whole or not at all; one that was interrupted is measured anew.
    """
    import json

    import torch
    from rich.console import Console
    from rich.progress import Progress

    from harness.core.settings import override, parse_assignments
    from harness.measuring import latency as measuring
    from harness.runs.machine import resolve_device
    from harness.tables import costs
    from spaces import SPACES
    from spaces.relations import on_images

    chosen, where = SPACES[space], resolve_device(device)
    macro = override({"macro": chosen.macro()}, parse_assignments(assignments))["macro"]
    settings = measuring.Settings(batch=batch, repeats=repeats)
    if threads:
        torch.set_num_threads(threads)
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(f"timing {space} on {where}", total=None)
        table = measuring.measure(
            chosen,
            macro,
            classes,
            image_size,
            where,
            settings,
            lambda done, all: progress.update(task, completed=done, total=all),
        )
    path = out or costs.cached(on_images(chosen) or space)
    table.save(path)
    if as_json:
        click.echo(json.dumps({"file": str(path), **(table.measured or {})}))
        return
    click.echo(measuring.summary(table, path))
