"""Counts of persons by age group, gender and more, with small counts kept back.

What is counted: persons of published videos, each once a video. Persons are not matched across
videos, on purpose, so somebody seen in two videos counts twice.

What is kept back: a count under k, for a reader who knows that somebody is in a small group could
learn the rest of the row; and as many others as keep those from being worked out from totals
(suppression.py). No totals are given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal, get_args

import numpy as np
import pyarrow as pa

from fsp_ray.core.ages import AGE_GROUPS
from fsp_ray.core.errors import LakeError
from fsp_ray.lake.attackers import attackers
from fsp_ray.lake.query import ask
from fsp_ray.lake.storage import Storage
from fsp_ray.lake.suppression import keep_back

Dimension = Literal["age_group", "gender", "day", "month", "folder"]

DIMENSIONS: Final[tuple[Dimension, ...]] = get_args(Dimension)

# `day` and `month` are those of the recording; none where the file does not say.
_OF_VIDEOS: Final[dict[Dimension, str]] = {
    "day": "strftime(recorded_on, '%Y-%m-%d')",
    "month": "strftime(recorded_on, '%Y-%m')",
    "folder": r"regexp_replace(source_path, '(^|/)[^/]*$', '', 's')",
}
# Made from Arrow's types late, or not at all: making an Arrow array imports pandas, which takes
# longer than counting a million persons.
_COUNTED: Final = (
    pa.field("persons", pa.int64()),
    pa.field("visible_s", pa.float64()),
    pa.field("suppressed", pa.bool_()),
)
# Ages stand by age, the rest by name, what is not known last.
_ORDER: Final = {"age_group": f"array_position({list(AGE_GROUPS)}, age_group)"}


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Counts with the small ones kept back.

    Attributes:
        by: the dimensions.
        rows: a value for each dimension, then `persons`, `visible_s`, `suppressed`.
        small: cells that hold less than k; others are kept back for their sake.
        exposed: of those kept back, cells that somebody can narrow down to less than k who knows
            the total of every row, column and layer.
    """

    by: tuple[Dimension, ...]
    rows: tuple[Mapping[str, object], ...]
    small: int = 0
    exposed: int = 0

    @property
    def columns(self) -> tuple[str, ...]:
        """Their names."""
        return (*self.by, *(field.name for field in _COUNTED))

    @property
    def kept_back(self) -> int:
        """How many cells are null."""
        return sum(bool(row["suppressed"]) for row in self.rows)

    def to_arrow(self) -> Any:
        """Return a pyarrow Table."""
        schema = pa.schema([*((name, pa.string()) for name in self.by), *_COUNTED])
        return pa.Table.from_pylist([dict(row) for row in self.rows], schema=schema)


def demographics(
    storage: Storage,
    *,
    by: Sequence[Dimension] = ("age_group", "gender"),
    since: date | None = None,
    k: int = 5,
) -> Counts:
    """Return counts of persons.

    Args:
        by: columns to count by; no combination without persons is listed.
        since: only videos recorded on this day or later; leaves out those that don't say.
        k: counts under it are kept back (null, and `suppressed`); 1 keeps none back.

    Raises:
        LakeError: an unknown dimension, a k under 1, or the tables can't be read.
    """
    _check(by, k)
    cells = _cells(storage, by, since)
    if not cells:
        return Counts(tuple(by), ())
    groups = [[cell[name] for cell in cells] for name in by]
    persons = np.array([cell["persons"] for cell in cells])
    kept = keep_back(attackers(groups, persons, by), k)
    nothing: dict[str, object] = {"persons": None, "visible_s": None}
    rows = tuple(
        {**cell, **(nothing if hide else {}), "suppressed": hide}
        for cell, hide in zip(cells, kept.hidden.tolist(), strict=True)
    )
    return Counts(tuple(by), rows, kept.small, int(kept.exposed.sum()))


def _check(by: Sequence[Dimension], k: int) -> None:
    unknown = [name for name in by if name not in DIMENSIONS]
    if unknown or not by or len(set(by)) != len(by):
        raise LakeError(
            f"Can't count by {', '.join(by) or 'nothing'}.",
            advice=f"Name one or more of {', '.join(DIMENSIONS)}, each once.",
        )
    if k < 1:
        raise LakeError(f"k can't be {k}.", advice="5 is usual; 1 keeps nothing back.")


def _cells(storage: Storage, by: Sequence[Dimension], since: date | None) -> list[dict[str, Any]]:
    of_videos = "".join(f", {sql} AS {name}" for name, sql in _OF_VIDEOS.items() if name in by)
    recorded = "" if since is None else f" AND recorded_on >= DATE '{since:%Y-%m-%d}'"
    order = ", ".join(f"{_ORDER.get(name, name)} NULLS LAST" for name in by)
    cells: list[dict[str, Any]] = ask(
        storage,
        f"WITH seen AS (SELECT video_id{of_videos} FROM videos"  # noqa: S608 - all parts are ours
        f" WHERE status IN ('published', 'unchanged'){recorded}),"
        f" counted AS (SELECT {', '.join(by)}, count(*) AS persons,"
        " round(sum(visible_s), 3) AS visible_s"
        " FROM persons JOIN seen USING (video_id) GROUP BY ALL)"
        f" FROM counted ORDER BY {order}",
    ).to_pylist()
    return cells
