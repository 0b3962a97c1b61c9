"""fsp demographics: who is in the archive, as counts."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from fsp_ray.cli.console import note, plural
from fsp_ray.cli.options import JsonOption, LakeArgument
from fsp_ray.cli.rows import RowFormat, print_rows
from fsp_ray.core.errors import SettingsError

if TYPE_CHECKING:
    from fsp_ray.lake import Counts

DEFAULT_K = 5


def demographics(
    lake: LakeArgument,
    by: Annotated[
        str,
        typer.Option(
            metavar="COLUMNS", help="Count by these: age_group, gender, day, month, folder."
        ),
    ] = "age_group,gender",
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="Only videos recorded on that day or later (YYYY-MM-DD)."
        ),
    ] = None,
    k: Annotated[
        int, typer.Option(min=1, help="Keep back counts under k; 1 keeps none back.")
    ] = DEFAULT_K,
    fmt: Annotated[
        RowFormat, typer.Option("--format", "-f", help="How to print it.")
    ] = RowFormat.TABLE,
    as_json: JsonOption = False,
) -> None:
    """Count the persons in a lake by apparent age group and gender.

    A person counts once in each video. Counts under k are kept back, and as many more as are
    needed so that none follows from totals of rows and columns: those read *suppressed*. Two
    tables of different days (--since) can be subtracted from one another; publish one.

    Example: **fsp demographics ./lake --by gender,month --format csv**
    """
    print_demographics(lake, by=by, since=since, k=k, fmt=RowFormat.JSON if as_json else fmt)


def print_demographics(
    lake: str, *, by: str, since: datetime | None, k: int, fmt: RowFormat
) -> None:
    """Print the counts on stdout.

    Raises:
        SettingsError: a column that can't be counted by.
        LakeError: the lake can't be read.
    """
    from fsp_ray.lake import DIMENSIONS, Dimension, Lake  # noqa: PLC0415 - takes a second

    named = [name.strip() for name in by.split(",")]
    known: dict[str, Dimension] = {dimension: dimension for dimension in DIMENSIONS}
    columns: list[Dimension] = [known[name] for name in named if name in known]
    if len(columns) != len(named) or len(set(columns)) != len(columns):
        raise SettingsError(
            f"Can't count by {by!r}.",
            advice=f"--by takes one or more of {', '.join(DIMENSIONS)}, with commas between.",
        )
    day = None if since is None else since.date()
    counts = Lake.open(lake).count_persons(by=columns, since=day, k=k)
    print_rows(counts.columns, counts.rows, fmt)
    if counts.kept_back:
        note(_footnote(counts, k))


def _footnote(counts: Counts, k: int) -> str:
    """Return how many counts are kept back, and why."""
    others = counts.kept_back - counts.small
    text = (
        f"{counts.kept_back:,} of {plural(len(counts.rows), 'count')} kept back:"
        f" {counts.small:,} under {k}, {others:,} so that those can't be worked out."
    )
    if counts.exposed:
        text += (
            f" Who knows totals of rows and columns may narrow {counts.exposed:,} of them down to"
            f" less than {k}: fewer columns protect better."
        )
    return text
