"""fsp maintain: keeps a lake small, quick and whole."""

from __future__ import annotations

import dataclasses
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from fsp_ray.cli.console import err, note, out, plural, print_json
from fsp_ray.cli.exits import ExitCode
from fsp_ray.cli.options import JsonOption, LakeArgument

if TYPE_CHECKING:  # takes a second
    from fsp_ray.lake import Maintenance


class Depth(StrEnum):
    """How closely files are compared with rows."""

    NONE = "none"
    NAMES = "names"
    HASHES = "hashes"


def maintain(
    lake: LakeArgument,
    keep_hours: Annotated[
        int,
        typer.Option(
            min=0,
            help="Keep replaced files of the tables for so long; 0 makes deleted rows unreadable at"
            " once, and may end queries that are under way.",
        ),
    ] = 168,
    verify: Annotated[
        Depth,
        typer.Option(help="Compare files with rows: by names and certificates, or by content."),
    ] = Depth.NAMES,
    as_json: JsonOption = False,
) -> None:
    """Clean a lake up, bring its tables up to this version, and verify it.

    Removes what runs left that died, adds columns that an older version did not know, joins small
    files, drops replaced ones, and compares published videos with rows, both ways. Runs may be at
    work. Verifying changes nothing: what it finds is listed.

    Example: **fsp maintain ./lake --verify hashes**

    Exit code 0: all is well; 3: there are problems (listed on stderr).
    """
    from fsp_ray.lake import Lake  # noqa: PLC0415 - takes a second

    opened = Lake.open(lake)
    if keep_hours == 0:
        note("Replaced files go at once: queries that are under way may fail; ask again then.")
    done = opened.maintain(kept_hours=keep_hours, depth=verify.value)
    if as_json:
        print_json(_as_dict(done))
    else:
        _print(done)
    _print_findings(done)
    raise typer.Exit(ExitCode.INCOMPLETE if done.findings else ExitCode.DONE)


def _as_dict(done: Maintenance) -> dict[str, object]:
    verified = done.verification
    return {
        "runs_collected": list(done.runs_collected),
        "uploads_aborted": done.uploads_aborted,
        "columns_added": list(done.columns_added),
        "rows_swept": done.rows_swept,
        "files_compacted": done.files_compacted,
        "files_removed": done.files_removed,
        "kept_hours": done.kept_hours,
        "verified": verified
        and {
            "videos": verified.videos,
            "files": verified.files,
            "hashed": verified.hashed,
            "waiting": verified.waiting,
        },
        "num_problems": done.problems,
        "problems": [dataclasses.asdict(finding) for finding in done.findings],
    }


def _print(done: Maintenance) -> None:
    console = out()
    swept = [plural(len(done.runs_collected), "dead run"), plural(done.rows_swept, "row")]
    if done.uploads_aborted:
        swept.append(plural(done.uploads_aborted, "upload"))
    console.print(f"Swept up: {', '.join(swept)}.", soft_wrap=True)
    if done.columns_added:
        console.print(f"Columns added: {', '.join(done.columns_added)}.", soft_wrap=True)
    console.print(
        f"Tables: {plural(done.files_compacted, 'small file')} joined,"
        f" {plural(done.files_removed, 'file')} dropped.",
        soft_wrap=True,
    )
    if done.verification is not None:
        verified = done.verification
        hashed = f", {plural(verified.hashed, 'file')} read whole" if verified.hashed else ""
        console.print(
            f"Verified: {plural(verified.videos, 'published video')},"
            f" {plural(verified.files, 'file')}{hashed}; {plural(done.problems, 'problem')},"
            f" {verified.waiting:,} waiting for a run to commit them.",
            soft_wrap=True,
        )


def _print_findings(done: Maintenance) -> None:
    for finding in done.findings:
        err().print(f"  {finding.path}  {finding.problem}", soft_wrap=True)
    left = done.problems - len(done.findings)
    if left:
        note(f"  … and {left:,} more")
