"""fsp anonymize: the job."""

from __future__ import annotations

import typer

from fsp_ray.cli import options, runs
from fsp_ray.cli.options import JsonOption, LakeArgument, SourceArgument


def anonymize(  # noqa: PLR0913, PLR0917 - an option each; typer names them
    source: SourceArgument,
    lake: LakeArgument,
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
    """Anonymise the videos of SOURCE into LAKE.

    Published videos go to LAKE/videos, tables to LAKE/tables. Run it again at any time: it does
    only what is new, changed or not done yet.

    Example: **fsp anonymize ./recordings ./lake --workers 4**

    Exit code 0: all videos are published; 3: some could not be (listed on stderr); 75: another run
    is at work on the lake.
    """
    code = runs.run(
        source,
        lake,
        settings=runs.settings(pack, replace, privacy, audit_retries, audio),
        selection=runs.selection(include, exclude, since),
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
