"""Counts of persons by age group, gender and more, with small counts kept back.

What is counted: persons of published videos, each once a video. Persons are not matched across
videos, on purpose, so somebody seen in two videos counts twice.

What is kept back: a count under k, for a reader who knows that somebody is in a small group could
learn the rest of the row; and as many others as keep those from being worked out from totals
(suppression.py). No totals are given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal, get_args

import pyarrow as pa
import pyarrow.compute as pc

from fsp_ray.core.ages import AGE_GROUPS
from fsp_ray.core.errors import LakeError
from fsp_ray.lake.attackers import attackers
from fsp_ray.lake.query import query
from fsp_ray.lake.storage import Storage
from fsp_ray.lake.suppression import keep_back

Dimension = Literal["age_group", "gender", "day", "month", "folder"]

_compute: Final[Any] = pc  # its functions are made at import; no checker knows them

DIMENSIONS: Final[tuple[Dimension, ...]] = get_args(Dimension)

# `day` and `month` are those of the recording; none where the file does not say.
_OF_VIDEOS: Final[dict[Dimension, str]] = {
    "day": "strftime(recorded_on, '%Y-%m-%d')",
    "month": "strftime(recorded_on, '%Y-%m')",
    "folder": r"regexp_replace(source_path, '(^|/)[^/]*$', '', 's')",
}
# Ages stand by age, the rest by name, what is not known last.
_ORDER: Final = {"age_group": f"array_position({list(AGE_GROUPS)}, age_group)"}


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Counts with the small ones kept back.

    Attributes:
        table: pyarrow Table: a string column a dimension, `persons`, `visible_s`, `suppressed`.
        kept_back: cells that are null.
        small: of those, cells that hold less than k; the others are there for their sake.
        exposed: of those kept back, cells that somebody can narrow down to less than k who knows
            the total of every row, column and layer.
    """

    table: Any
    kept_back: int = 0
    small: int = 0
    exposed: int = 0


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
    answer = _cells(storage, by, since)
    if not answer.num_rows:
        return Counts(answer.append_column("suppressed", pa.array([], pa.bool_())))
    groups = [answer.column(name).to_pylist() for name in by]
    kept = keep_back(attackers(groups, answer.column("persons").to_numpy(), by), k)
    shown = pa.array(~kept.hidden)
    counted = {
        name: _compute.if_else(shown, answer.column(name), None)
        for name in ("persons", "visible_s")
    }
    columns = {name: answer.column(name) for name in by} | counted
    table = pa.table({**columns, "suppressed": pa.array(kept.hidden)})
    return Counts(table, int(kept.hidden.sum()), kept.small, int(kept.exposed.sum()))


def _check(by: Sequence[Dimension], k: int) -> None:
    unknown = [name for name in by if name not in DIMENSIONS]
    if unknown or not by or len(set(by)) != len(by):
        raise LakeError(
            f"Can't count by {', '.join(by) or 'nothing'}.",
            advice=f"Name one or more of {', '.join(DIMENSIONS)}, each once.",
        )
    if k < 1:
        raise LakeError(f"k can't be {k}.", advice="5 is usual; 1 keeps nothing back.")


def _cells(storage: Storage, by: Sequence[Dimension], since: date | None) -> Any:
    of_videos = "".join(f", {sql} AS {name}" for name, sql in _OF_VIDEOS.items() if name in by)
    recorded = "" if since is None else f" AND recorded_on >= DATE '{since:%Y-%m-%d}'"
    order = ", ".join(f"{_ORDER.get(name, name)} NULLS LAST" for name in by)
    return query(
        storage,
        f"WITH seen AS (SELECT video_id{of_videos} FROM videos"  # noqa: S608 - all parts are ours
        f" WHERE status IN ('published', 'unchanged'){recorded}),"
        f" counted AS (SELECT {', '.join(by)}, count(*) AS persons,"
        " round(sum(visible_s), 3) AS visible_s"
        " FROM persons JOIN seen USING (video_id) GROUP BY ALL)"
        f" FROM counted ORDER BY {order}",
    )
