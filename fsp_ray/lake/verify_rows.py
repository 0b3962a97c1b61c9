"""Compares the tables' rows with one another. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from fsp_ray.lake.commit import oldest_in_progress
from fsp_ray.lake.errors import lake_errors
from fsp_ray.lake.layout import table_path
from fsp_ray.lake.query import tables
from fsp_ray.lake.schema import Table
from fsp_ray.lake.storage import Storage
from fsp_ray.lake.tables import DETAIL_TABLES, TABLES

# Named of each kind; more of one kind have one cause.
_MOST_NAMED: Final = 100


def row_problems(storage: Storage) -> Iterator[tuple[str, str]]:
    """Give (path of a table, problem): rows of no video, and keys that are there twice.

    Raises:
        LakeError: a table can't be read.
    """
    oldest = oldest_in_progress(datetime.now(UTC))
    with tables(storage) as base, lake_errors("compare the rows of the tables"):
        for table in DETAIL_TABLES:
            yield from _without_video(base, table, oldest)
        for table in TABLES.values():
            yield from _doubled(base, table)


def _without_video(base: Any, table: Table, oldest: str) -> Iterator[tuple[str, str]]:
    found = base.execute(
        f"SELECT video_id, count(*), count(*) OVER () FROM _{table.name}"  # noqa: S608 - our name
        " ANTI JOIN _videos USING (video_id, commit_id)"
        f" WHERE commit_id < ? GROUP BY video_id ORDER BY video_id LIMIT {_MOST_NAMED}",
        [oldest],
    ).fetchall()
    for video, rows, _ in found:
        yield table_path(table.name), f"has {rows:,} rows of {video}, which has no such commit"
    yield from _rest(table, found)


def _doubled(base: Any, table: Table) -> Iterator[tuple[str, str]]:
    key = ", ".join(table.key)
    # By a hash of 8 bytes first: the keys themselves would take a hundred bytes a row.
    found = base.execute(
        f"WITH doubtful AS (SELECT hash({key}) AS h FROM {table.name}"  # noqa: S608 - our names
        " GROUP BY h HAVING count(*) > 1)"
        f" SELECT {key}, count(*), count(*) OVER () FROM {table.name}"
        f" WHERE hash({key}) IN (FROM doubtful)"
        f" GROUP BY {key} HAVING count(*) > 1 ORDER BY {key} LIMIT {_MOST_NAMED}"
    ).fetchall()
    for *values, rows, _ in found:
        yield table_path(table.name), f"has {'/'.join(map(str, values))} {rows:,} times"
    yield from _rest(table, found)


def _rest(table: Table, found: list[tuple[Any, ...]]) -> Iterator[tuple[str, str]]:
    left = found[0][-1] - len(found) if found else 0
    if left:
        yield table_path(table.name), f"… and so for {left:,} others"
