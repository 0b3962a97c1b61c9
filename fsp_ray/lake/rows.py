"""Checks rows against their table and makes Arrow of them. Nothing is written here."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from numbers import Integral, Real
from typing import Any, Final, SupportsFloat, SupportsInt, cast

import pyarrow as pa

from fsp_ray.core import ids
from fsp_ray.core.errors import LakeError
from fsp_ray.lake.schema import Column, Table
from fsp_ray.lake.tables import PUBLISHED_COLUMNS, PUBLISHED_STATUSES

Row = Mapping[str, object]

# numpy's scalars count as numbers, too.
_PYTHON_TYPES: Final[Mapping[str, Any]] = {
    "string": str,
    "int64": Integral,
    "float64": Real,
    "bool": bool,
}
_INT64_LIMIT: Final = 2**63


def to_arrow(table: Table, rows: Sequence[Row]) -> Any:
    """Return a pyarrow Table of checked rows in the table's schema.

    A missing nullable column is null, and so is an empty string in one. Dates and timestamps
    may be given as ISO 8601 text; `json` as a mapping.

    Raises:
        LakeError: an unknown column, a missing or wrong value, or a key given twice; names the
            table, the column and the row's key. No value is put into the message.
    """
    checked = [_checked_row(table, row) for row in rows]
    _check_keys(table, checked)
    columns = [
        pa.array([row[column.name] for row in checked], type=column.field.type)
        for column in table.columns
    ]
    return pa.Table.from_arrays(columns, schema=table.schema)


def check_videos(rows: Sequence[Row]) -> None:
    """Raise LakeError unless what a row of `videos` says fits to its status."""
    for row in rows:
        where = f"videos of {row.get('video_id')}"
        if row.get("status") in PUBLISHED_STATUSES:
            missing = [name for name in PUBLISHED_COLUMNS if row.get(name) is None]
            if missing:
                raise LakeError(f"{where}: a published video must say {', '.join(missing)}.")
        else:
            if not row.get("reason"):
                raise LakeError(f"{where}: a video that is not published must say the reason.")
            said = [name for name in ("published_uri", "sha256") if row.get(name)]
            if said:
                raise LakeError(f"{where}: only a published video may say {', '.join(said)}.")
        path = row.get("source_path")
        if isinstance(path, str) and path and ids.video_id(path) != row.get("video_id"):
            raise LakeError(f"{where}: source_path belongs to another video_id.")


def check_details(table: Table, rows: Sequence[Row], run_ids: Mapping[object, object]) -> None:
    """Raise LakeError unless each row belongs to a video (and run) that is committed with it."""
    for row in rows:
        video = row.get("video_id")
        if video not in run_ids:
            raise LakeError(f"{table.name} has rows of {video}, which is not committed with them.")
        if row.get("run_id") != run_ids[video]:
            raise LakeError(f"{table.name} of {video} must have the run_id of the video's row.")


def _checked_row(table: Table, row: Row) -> dict[str, object]:
    where = f"{table.name} of {'/'.join(str(row.get(name)) for name in table.key)}"
    unknown = sorted(set(row) - set(table.column_names))
    if unknown:
        raise LakeError(
            f"{where}: unknown columns {', '.join(unknown)}.",
            advice=f"Known are {', '.join(table.column_names)}.",
        )
    return {column.name: _checked(column, row.get(column.name), where) for column in table.columns}


def _checked(column: Column, value: object, where: str) -> object:
    """Return the value as Arrow takes it."""
    if value is None or (value == "" and column.nullable):
        if not column.nullable:
            raise LakeError(f"{where}: {column.name} must have a value.")
        return None
    problem = _problem(column, value)
    if not problem and column.kind in ("date", "timestamp", "json"):
        try:
            return _converted(column, value)
        except (TypeError, ValueError):
            problem = f"must be a {column.kind}"
    if problem:
        raise LakeError(f"{where}: {column.name} {problem}.")
    if column.kind == "int64":
        return int(cast("SupportsInt", value))
    return float(cast("SupportsFloat", value)) if column.kind == "float64" else value


def _problem(column: Column, value: object) -> str:
    """Return what is wrong with a value, or nothing."""
    wanted = _PYTHON_TYPES.get(column.kind, object)
    is_number = column.kind in ("int64", "float64")
    if not isinstance(value, wanted) or (is_number and isinstance(value, bool)):
        return f"must be {column.kind}, not {type(value).__name__}"
    if isinstance(value, str):
        return _text_problem(column, value)
    return _number_problem(column, cast("SupportsFloat", value)) if is_number else ""


def _text_problem(column: Column, value: str) -> str:
    if column.words and value not in column.words:
        return f"must be one of {', '.join(column.words)}"
    return "" if _is_utf8(value) else "holds text that is not valid Unicode"


def _number_problem(column: Column, value: SupportsFloat) -> str:
    number = float(value)
    if not math.isfinite(number):
        return "must be finite"
    if column.kind == "int64" and abs(number) >= _INT64_LIMIT:
        return "must fit into 64 bits"
    if column.lowest is not None and number < column.lowest:
        return f"must not be under {column.lowest:g}"
    if column.highest is not None and number > column.highest:
        return f"must not be over {column.highest:g}"
    return ""


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _converted(column: Column, value: object) -> object:
    if column.kind == "json":
        return _json_text(value)
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        utc = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return utc.date() if column.kind == "date" else utc
    if column.kind == "date" and isinstance(value, date):
        return value
    raise TypeError(column.kind)


def _json_text(value: object) -> str:
    if isinstance(value, str):
        json.loads(value)
        return value
    if not isinstance(value, Mapping):
        raise TypeError("json")
    return json.dumps(value, sort_keys=True, ensure_ascii=True, allow_nan=False)


def _check_keys(table: Table, rows: Sequence[Row]) -> None:
    counts = Counter(tuple(row[name] for name in table.key) for row in rows)
    twice = [key for key, count in counts.items() if count > 1]
    if twice:
        raise LakeError(f"{table.name} has {'/'.join(map(str, twice[0]))} more than once.")
