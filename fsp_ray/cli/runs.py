"""Runs of the job from the command line: what `anonymize` and `refresh` have in common."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fsp_ray.cli.console import note, plural, print_json
from fsp_ray.cli.exits import ExitCode
from fsp_ray.cli.progress import listener
from fsp_ray.cli.run_options import RunOptions
from fsp_ray.cli.summary import print_deleted, print_problems, print_summary, print_worklist
from fsp_ray.core.errors import SettingsError
from fsp_ray.core.progress import RunSummary

if TYPE_CHECKING:  # importing raydata imports Ray
    from fsp_ray.raydata import Deleted, RunRequest


def run(source: str, lake: str, options: RunOptions, *, deleted: Deleted = "ignore") -> ExitCode:
    """Run the job, or show what it would do; return the exit code.

    Raises:
        SettingsError: the source is not there, or an option makes no sense.
    """
    settings = options.settings
    existing_source(source)
    from fsp_ray.raydata import RunRequest  # noqa: PLC0415 - Ray takes seconds

    request = RunRequest(
        source,
        lake,
        settings,
        workers=options.workers,
        cpus_per_worker=options.cpus_per_worker,
        gpus_per_worker=options.gpus_per_worker,
        layout=options.layout,  # pyright: ignore[reportArgumentType] - a word or an error
        address=options.address,
        selection=options.selection,
        limit=options.limit,
        retry_failed=options.retry_failed,
        deleted=deleted,
        wait_s=options.wait,
        dry_run=options.dry_run,
    )
    if options.dry_run:
        _show_plan(request, as_json=options.as_json)
        return ExitCode.DONE
    summary = execute(request)
    if options.as_json:
        print_json(summary.as_dict())
    else:
        print_summary(summary)
    print_problems(summary.problems)
    print_deleted(summary.deleted, summary.withdrawn)
    return ExitCode.DONE if summary.all_published else ExitCode.INCOMPLETE


def execute(request: RunRequest) -> RunSummary:
    """Run the job with its progress on stderr."""
    from fsp_ray.raydata import anonymize as run_job  # noqa: PLC0415 - Ray takes seconds

    # stdout belongs to the results, even should a library print.
    with listener() as tell, contextlib.redirect_stdout(sys.stderr):
        return run_job(request, tell)


def existing_source(source: str) -> None:
    """Check that a local source is there.

    Raises:
        SettingsError: nothing lies at the path.
    """
    if "://" not in source and not Path(source).exists():
        raise SettingsError(
            f"There is no {source}.",
            advice="SOURCE is a folder with videos, one video file, or s3://bucket/prefix.",
        )


def _show_plan(request: RunRequest, *, as_json: bool) -> None:
    from fsp_ray.raydata import plan  # noqa: PLC0415 - Ray takes seconds

    work = plan(request)
    print_worklist(work, as_json=as_json)
    print_problems(work.given_up)
    print_deleted([entry.source_path for entry in work.deleted], 0)
    todo = plural(len(work.todo), "video")
    note(f"Dry run, nothing was written: {todo} to do, {work.unchanged:,} unchanged.")
