"""Counts of persons by age group, gender and more, with small counts kept back.

What is counted: persons of published videos, each once a video. Persons are not matched across
videos, on purpose, so somebody seen in two videos counts twice.

What is kept back: a count under k, for a reader who knows that somebody is in a small group could
learn the rest of the row. And since the number of all persons stands elsewhere (a run's summary),
one such count alone would follow by subtraction: further cells, the smallest first, are kept back
until at least two are and they hold at least k persons together. No totals are given. Two tables
of the same lake by different columns can still be subtracted from one another: publish one.
(Cell suppression, primary and complementary, as in Hundepool et al., Statistical Disclosure
Control, 2012, ch. 4.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final, Literal, get_args

import pyarrow as pa

from fsp_ray.core.ages import AGE_GROUPS
from fsp_ray.core.errors import LakeError
from fsp_ray.lake.query import query
from fsp_ray.lake.storage import Storage

Dimension = Literal["age_group", "gender", "day", "month", "folder"]

DIMENSIONS: Final[tuple[Dimension, ...]] = get_args(Dimension)

# `day` and `month` are those of the recording; none where the file does not say.
_EXPRESSIONS: Final[dict[Dimension, str]] = {
    "age_group": "p.age_group",
    "gender": "p.gender",
    "day": "strftime(v.recorded_on, '%Y-%m-%d')",
    "month": "strftime(v.recorded_on, '%Y-%m')",
    "folder": r"regexp_replace(v.source_path, '(^|/)[^/]*$', '', 's')",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination of groups. Counts are None if kept back."""

    groups: tuple[str | None, ...]
    persons: int | None
    visible_s: float | None

    @property
    def suppressed(self) -> bool:
        """True if the counts are kept back."""
        return self.persons is None


def suppress(cells: Sequence[Cell], k: int) -> tuple[Cell, ...]:
    """Keep back the counts under k, and enough others that the sum of all reveals none.

    Among those of one size, it is the order of the cells that decides.
    """
    order = sorted(range(len(cells)), key=lambda place: cells[place].persons or 0)
    kept_back: list[int] = []
    hidden = 0
    for place in order:
        persons = cells[place].persons or 0
        # One small cell alone holds less than k, so reaching k takes at least two.
        if persons >= k and (not kept_back or hidden >= k):
            break
        kept_back.append(place)
        hidden += persons
    gone = frozenset(kept_back)
    return tuple(
        replace(cell, persons=None, visible_s=None) if place in gone else cell
        for place, cell in enumerate(cells)
    )


def demographics(
    storage: Storage,
    *,
    by: Sequence[Dimension] = ("age_group", "gender"),
    since: date | None = None,
    k: int = 5,
) -> Any:
    """Return a pyarrow Table: a string column a dimension, `persons`, `visible_s`, `suppressed`.

    Args:
        by: columns to count by; no combination without persons is listed.
        since: only videos recorded on this day or later; leaves out those that don't say.
        k: counts under it are kept back (null, and `suppressed`); 1 keeps none back.

    Raises:
        LakeError: an unknown dimension, a k under 1, or the tables can't be read.
    """
    _check(by, k)
    cells = suppress(_cells(storage, by, since), k)
    columns = {
        name: pa.array([cell.groups[place] for cell in cells], pa.string())
        for place, name in enumerate(by)
    }
    return pa.table(
        {
            **columns,
            "persons": pa.array([cell.persons for cell in cells], pa.int64()),
            "visible_s": pa.array([cell.visible_s for cell in cells], pa.float64()),
            "suppressed": pa.array([cell.suppressed for cell in cells], pa.bool_()),
        }
    )


def _check(by: Sequence[Dimension], k: int) -> None:
    unknown = [name for name in by if name not in DIMENSIONS]
    if unknown or not by or len(set(by)) != len(by):
        raise LakeError(
            f"Can't count by {', '.join(by) or 'nothing'}.",
            advice=f"Name one or more of {', '.join(DIMENSIONS)}, each once.",
        )
    if k < 1:
        raise LakeError(f"k can't be {k}.", advice="5 is usual; 1 keeps nothing back.")


def _cells(storage: Storage, by: Sequence[Dimension], since: date | None) -> list[Cell]:
    groups = ", ".join(f"{_EXPRESSIONS[name]} AS {name}" for name in by)
    recorded = "" if since is None else f" AND v.recorded_on >= DATE '{since:%Y-%m-%d}'"
    answer = query(
        storage,
        f"SELECT {groups}, count(*) AS persons, sum(p.visible_s) AS visible_s"  # noqa: S608 - all
        " FROM persons p JOIN videos v USING (video_id)"  # parts are ours, or a date
        f" WHERE v.status IN ('published', 'unchanged'){recorded} GROUP BY ALL",
    )
    cells = [
        Cell(tuple(row[name] for name in by), row["persons"], round(row["visible_s"], 3))
        for row in answer.to_pylist()
    ]
    return sorted(cells, key=lambda cell: tuple(map(_rank, cell.groups)))


def _rank(group: str | None) -> tuple[bool, int, str]:
    """Ages by age, the rest by name, what is not known last."""
    return (group is None, AGE_GROUPS.index(group) if group in AGE_GROUPS else 0, group or "")
