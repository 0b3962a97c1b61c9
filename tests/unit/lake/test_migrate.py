"""Lakes of other versions: tables that lack columns of this one, and tables that have more."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace

import pyarrow as pa
import pytest
from deltalake import DeltaTable, Field, write_deltalake

from fsp_ray.core.errors import LakeError
from fsp_ray.core.ids import video_id
from fsp_ray.lake import TABLES, Lake
from fsp_ray.lake.layout import table_path
from fsp_ray.lake.rows import to_arrow

Make = Callable[..., dict[str, object]]

# A nullable column of each table, as if this version had added it.
LATEST = {
    "videos": "attempts",
    "persons": "age_std_years",
    "tracks": "person_id",
    "audit": "rank_1",
    "runs": "settings_hash",
}


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


@pytest.fixture
def rows_of(
    video_row: Make, person_row: Make, track_row: Make, audit_row: Make, run_row: Make
) -> Callable[..., dict[str, list[dict[str, object]]]]:
    """Rows of one video, and of a run, by table."""

    def make(path: str) -> dict[str, list[dict[str, object]]]:
        return {
            "videos": [video_row(path, attempts=2)],
            "persons": [person_row(path, age_std_years=3.5)],
            "tracks": [track_row(path)],
            "audit": [audit_row(path, rank_1=True)],
            "runs": [run_row(path, settings_hash="5" * 16)],
        }

    return make


Rows = Callable[[str], dict[str, list[dict[str, object]]]]


def commit(lake: Lake, rows: dict[str, list[dict[str, object]]]) -> None:
    lake.commit(**{name: some for name, some in rows.items() if name != "runs"})
    for run in rows["runs"]:
        lake.commit_run(run)


@pytest.fixture
def all_old(lake: Lake, rows_of: Rows) -> Lake:
    """A lake of one video, none of whose tables has its latest column."""
    for name, some in rows_of("a.mp4").items():
        mark = {} if name == "runs" else {"commit_id": "20260101T000000Z-1"}
        latest = LATEST[name]
        plain = [{k: v for k, v in row.items() if k != latest} | mark for row in some]
        make_old(lake, name, latest, plain)
    return lake


@pytest.mark.parametrize("maintained_first", [False, True])
def test_every_table_takes_what_it_did_not_know(
    all_old: Lake, rows_of: Rows, maintained_first: bool
) -> None:
    if maintained_first:
        assert set(all_old.maintain().columns_added) == {f"{t}.{c}" for t, c in LATEST.items()}
        assert all(LATEST[name] in columns(all_old, name) for name in LATEST)
    commit(all_old, rows_of("b.mp4"))
    for name, latest in LATEST.items():
        answer = all_old.query(f"SELECT {latest} FROM {name}")
        found = answer.column(0).to_pylist()
        assert len(found) == 2, name
        assert None in found, name
        assert found != [None, None], name
    commit(all_old, rows_of("a.mp4"))  # the old row is replaced
    for name, latest in LATEST.items():
        assert None not in all_old.query(f"SELECT {latest} FROM {name}").column(0).to_pylist()


def test_maintaining_loses_nothing_and_adds_columns_once(all_old: Lake) -> None:
    before = {name: all_old.query(f"FROM {name}").to_pylist() for name in LATEST}
    assert all(len(rows) == 1 for rows in before.values())
    assert len(all_old.maintain().columns_added) == len(LATEST)
    assert {name: all_old.query(f"FROM {name}").to_pylist() for name in LATEST} == before
    assert all_old.maintain().columns_added == ()


def test_a_newer_lake_is_read_and_written_and_keeps_its_columns(lake: Lake, rows_of: Rows) -> None:
    commit(lake, rows_of("a.mp4"))
    for name in LATEST:
        newer = DeltaTable(lake.storage.uri(table_path(name)))
        newer.alter.add_columns([Field("mood", "string")])
        newer.update(updates={"mood": "'calm'"})
    commit(lake, rows_of("b.mp4"))
    assert lake.maintain(depth="none").columns_added == ()
    for name in LATEST:
        moods = lake.query(f"SELECT mood FROM {name}").column(0).to_pylist()
        assert sorted(moods, key=str) == [None, "calm"], name
    assert lake.ledger()[video_id("a.mp4")].is_published
    assert lake.query("FROM videos").schema.names[-1] == "mood"


def test_a_column_of_another_type_is_said(lake: Lake, video_row: Make) -> None:
    rows = [{**video_row("a.mp4"), "commit_id": "20260101T000000Z-1"}]
    make_old(lake, "videos", "attempts", rows)
    DeltaTable(lake.storage.uri(table_path("videos"))).alter.add_columns(
        [Field("attempts", "string")]
    )
    with pytest.raises(LakeError, match="attempts of the table videos"):
        lake.maintain()
