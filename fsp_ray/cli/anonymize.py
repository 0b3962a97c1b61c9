"""fsp anonymize: the job."""

from __future__ import annotations

import typer

from fsp_ray.cli import runs
from fsp_ray.cli.options import LakeArgument, SourceArgument
from fsp_ray.cli.run_options import RunOptions, with_run_options


@with_run_options
def anonymize(source: SourceArgument, lake: LakeArgument, options: RunOptions) -> None:
    """Anonymise the videos of SOURCE into LAKE.

    Published videos go to LAKE/videos, tables to LAKE/tables. Run it again at any time: it does
    only what is new, changed or not done yet.

    Example: **fsp anonymize ./recordings ./lake --workers 4**

    Exit code 0: all videos are published; 3: some could not be (listed on stderr); 75: another run
    is at work on the lake.
    """
    raise typer.Exit(runs.run(source, lake, options))
