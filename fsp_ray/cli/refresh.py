"""fsp refresh: keep a lake up to date with its archive."""

from __future__ import annotations

from typing import Annotated

import typer

from fsp_ray.cli import runs
from fsp_ray.cli.options import LakeArgument, SourceArgument
from fsp_ray.cli.run_options import RunOptions, with_run_options

PruneOption = Annotated[
    bool,
    typer.Option(
        "--prune", help="Withdraw from LAKE, file and rows, the videos that SOURCE has no more."
    ),
]
PruneMostOption = Annotated[
    bool,
    typer.Option("--prune-most", help="The same, even if more are gone than are still there."),
]


@with_run_options
def refresh(
    source: SourceArgument,
    lake: LakeArgument,
    options: RunOptions,
    prune: PruneOption = False,
    prune_most: PruneMostOption = False,
) -> None:
    """Bring LAKE up to date with SOURCE: do what is new or changed, report what was deleted.

    Made for a schedule: started twice at once, the second waits for the first and then does what
    is left. With nothing to do it takes seconds and writes nothing.

    Example: **fsp refresh s3://archive s3://lake --prune --since 2026-11-01**

    Exit code 0: all videos are published; 3: some could not be (listed on stderr); 75: another run
    is at work on the lake.
    """
    deleted = "prune-most" if prune_most else "prune" if prune else "report"
    raise typer.Exit(runs.run(source, lake, options, deleted=deleted))
