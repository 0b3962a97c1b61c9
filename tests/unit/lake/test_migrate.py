"""Lakes of other versions: tables that lack columns of this one, and tables that have more."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from fsp_ray.core.ids import video_id
from fsp_ray.lake import TABLES, Lake
from fsp_ray.lake.layout import table_path
from fsp_ray.lake.rows import to_arrow

Make = Callable[..., dict[str, object]]


def columns(lake: Lake, table: str) -> list[str]:
    return DeltaTable(lake.storage.uri(table_path(table))).to_pyarrow_dataset().schema.names


def make_old(lake: Lake, table: str, without: str, rows: list[dict[str, object]]) -> None:
    """Make a table anew as a version did that knew one column less."""
    old = replace(
        TABLES[table], columns=tuple(c for c in TABLES[table].columns if c.name != without)
    )
    path = lake.storage.local(table_path(table))
    shutil.rmtree(path)
    DeltaTable.create(str(path), schema=old.schema, name=table, description=old.description)
    plain = to_arrow(old, rows)
    plain = plain.cast(pa.schema([field.remove_metadata() for field in plain.schema]))
    write_deltalake(str(path), plain, mode="append")


@pytest.fixture
def old_lake(lake: Lake, video_row: Make) -> Lake:
    """A lake of two videos, made before videos.attempts."""
    rows = [{**video_row(name), "commit_id": "20260101T000000Z-1"} for name in ("a.mp4", "b.mp4")]
    make_old(lake, "videos", "attempts", rows)
    assert "attempts" not in columns(lake, "videos")
    return lake


def test_an_old_lake_is_read_as_it_is(old_lake: Lake) -> None:
    answer = old_lake.query("SELECT source_path, attempts FROM videos ORDER BY source_path")
    assert answer.to_pylist() == [
        {"source_path": "a.mp4", "attempts": None},
        {"source_path": "b.mp4", "attempts": None},
    ]
    assert answer.schema.field("attempts").type == pa.int64()
    assert "attempts" not in columns(old_lake, "videos")
    assert old_lake.ledger()[video_id("a.mp4")].is_published


def test_writing_adds_the_column_and_loses_nothing(old_lake: Lake, failed_row: Make) -> None:
    old_lake.commit(videos=[failed_row("b.mp4", attempts=2), failed_row("c.mp4", attempts=1)])
    answer = old_lake.query("SELECT video_id, status, attempts FROM videos")
    assert {tuple(row.values()) for row in answer.to_pylist()} == {
        (video_id("a.mp4"), "published", None),
        (video_id("b.mp4"), "failed", 2),
        (video_id("c.mp4"), "failed", 1),
    }
