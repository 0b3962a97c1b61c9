"""fsp refresh: keep a lake up to date with its archive."""

from __future__ import annotations

from typing import Annotated

import typer

from fsp_ray.cli import options, runs
from fsp_ray.cli.options import JsonOption, LakeArgument, SourceArgument

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


def refresh(  # noqa: PLR0913, PLR0917 - an option each; typer names them
    source: SourceArgument,
    lake: LakeArgument,
    prune: PruneOption = False,
    prune_most: PruneMostOption = False,
    pack: options.PackOption = "open",
    replace: options.ReplaceOption = "synthetic",
    privacy: options.PrivacyOption = "standard",
    audit_retries: options.RetriesOption = 3,
    audio: options.AudioOption = "keep",
    workers: options.WorkersOption = None,
    cpus_per_worker: options.CpusOption = 1,
    gpus_per_worker: options.GpusOption = 0,
    layout: options.LayoutOption = "auto",
    address: options.AddressOption = None,
    include: options.IncludeOption = None,
    exclude: options.ExcludeOption = None,
    since: options.SinceOption = None,
    limit: options.LimitOption = None,
    retry_failed: options.RetryFailedOption = False,
    wait: options.WaitOption = runs.WAIT_S,
    dry_run: options.DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Bring LAKE up to date with SOURCE: do what is new or changed, report what was deleted.

    Made for a schedule: started twice at once, the second waits for the first and then does what
    is left. With nothing to do it takes seconds and writes nothing.

    Example: **fsp refresh s3://archive s3://lake --prune --since 2026-11-01**

    Exit code 0: all videos are published; 3: some could not be (listed on stderr); 75: another run
    is at work on the lake.
    """
    code = runs.run(
        source,
        lake,
        settings=runs.settings(pack, replace, privacy, audit_retries, audio),
        selection=runs.selection(include, exclude, since),
        deleted="prune-most" if prune_most else "prune" if prune else "report",
        workers=workers,
        cpus_per_worker=cpus_per_worker,
        gpus_per_worker=gpus_per_worker,
        layout=layout,
        address=address,
        limit=limit,
        retry_failed=retry_failed,
        wait_s=wait,
        dry_run=dry_run,
        as_json=as_json,
    )
    raise typer.Exit(code)
