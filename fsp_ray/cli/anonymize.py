"""fsp anonymize: the job."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fsp_ray.cli.console import note, plural, print_json
from fsp_ray.cli.exits import ExitCode
from fsp_ray.cli.options import JsonOption, LakeArgument
from fsp_ray.cli.progress import listener
from fsp_ray.cli.summary import print_problems, print_summary, print_worklist
from fsp_ray.core.config import RunSettings
from fsp_ray.core.errors import SettingsError
from fsp_ray.core.progress import RunSummary

if TYPE_CHECKING:  # importing raydata imports Ray
    from fsp_ray.raydata import RunRequest


def anonymize(  # noqa: PLR0913, PLR0917 - an option each; typer names them
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE", help="Videos: a folder, one file, or s3://bucket/prefix. Only read."
        ),
    ],
    lake: LakeArgument,
    pack: Annotated[
        str, typer.Option(help="Model pack; `fsp packs list` shows what there is.")
    ] = "open",
    replace: Annotated[
        str,
        typer.Option(
            metavar="[synthetic|cover]",
            help="A synthetic face, or an irreversible mosaic over every face.",
        ),
    ] = "synthetic",
    privacy: Annotated[
        str,
        typer.Option(
            metavar="[standard|strong]",
            help="Strong moves further from the original face, and may look less natural.",
        ),
    ] = "standard",
    audit_retries: Annotated[
        int,
        typer.Option(
            min=0,
            max=10,
            help="Other faces tried for a person whom the audit does not pass, before the cover.",
        ),
    ] = 3,
    audio: Annotated[
        str,
        typer.Option(metavar="[keep|drop]", help="Copy the sound, or publish silent videos."),
    ] = "keep",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Workers; without it one for each CPU.")
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(help="Ray cluster to join; without it a local Ray, for this run only."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=0, help="Do at most so many videos that are not done yet.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List what would be done; write nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Anonymise the videos of SOURCE into LAKE.

    Published videos go to LAKE/videos, tables to LAKE/tables. Run it again at any time: it does
    only what is new, changed or not done yet.

    Example: **fsp anonymize ./recordings ./lake --workers 4**

    Exit code 0: all videos are published; 3: some could not be (listed on stderr).
    """
    settings = RunSettings(  # checks itself
        pack=pack,
        replace=replace,  # pyright: ignore[reportArgumentType] - a word or an error
        privacy=privacy,  # pyright: ignore[reportArgumentType] - a word or an error
        audit_retries=audit_retries,
        audio=audio,  # pyright: ignore[reportArgumentType] - a word or an error
    )
    existing_source(source)
    from fsp_ray.raydata import RunRequest  # noqa: PLC0415 - Ray takes seconds

    request = RunRequest(source, lake, settings, workers, address, limit, dry_run)
    if dry_run:
        _show_plan(request, as_json=as_json)
        return
    summary = execute(request)
    if as_json:
        print_json(summary.as_dict())
    else:
        print_summary(summary)
    print_problems(summary.problems)
    raise typer.Exit(ExitCode.DONE if summary.all_published else ExitCode.INCOMPLETE)


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
    todo = plural(len(work.todo), "video")
    note(f"Dry run, nothing was written: {todo} to do, {work.unchanged:,} unchanged.")
