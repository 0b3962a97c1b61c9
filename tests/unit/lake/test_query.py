from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC
from pathlib import Path

import pytest
from deltalake import DeltaTable, Field

from fsp_ray.core.errors import LakeError
from fsp_ray.lake import TABLES, Lake, delta
from fsp_ray.lake.query import tables

Make = Callable[..., dict[str, object]]


@pytest.mark.parametrize("name", TABLES)
def test_all_tables_can_be_asked_though_empty(lake: Lake, name: str) -> None:
    answer = lake.query(f"SELECT * FROM {name}")
    assert answer.num_rows == 0
    assert answer.column_names == [c for c in TABLES[name].column_names if c != "commit_id"]


def test_answers(lake: Lake, video_row: Make, person_row: Make) -> None:
    lake.commit(
        videos=[video_row("a.mp4"), video_row("it's.mp4")],
        persons=[person_row("a.mp4", 0), person_row("a.mp4", 1, gender="male")],
    )
    answer = lake.query(
        "WITH n AS (SELECT video_id, count(*) AS persons FROM persons GROUP BY ALL)"
        " SELECT source_path, persons, finished_at FROM videos LEFT JOIN n USING (video_id)"
        " ORDER BY source_path;"
    )
    assert [(r["source_path"], r["persons"]) for r in answer.to_pylist()] == [
        ("a.mp4", 2),
        ("it's.mp4", None),
    ]
    assert answer.column("finished_at")[0].as_py().utcoffset() == UTC.utcoffset(None)
    assert lake.query("DESCRIBE videos").num_rows == len(TABLES["videos"].columns) - 1
    assert lake.query("FROM persons SELECT count(*) AS n").to_pylist() == [{"n": 2}]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM read_parquet('{lake}/tables/videos/*.parquet')",
        "SELECT * FROM read_csv('https://example.org/x.csv')",
        "COPY videos TO '{out}'",
        "COPY (SELECT 1) TO '{out}'",
        "EXPORT DATABASE '{out}'",
        "ATTACH '{out}' AS x",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "PRAGMA enable_external_access = true",
        "RESET lock_configuration",
        "CREATE TABLE x AS SELECT 1",
        "CREATE VIEW x AS SELECT 1",
        "DROP VIEW videos",
        "INSERT INTO videos SELECT * FROM videos",
        "DELETE FROM videos",
        "UPDATE videos SET status = 'failed'",
        "SELECT 1; SELECT 2",
        "SELECT 1; COPY (SELECT 1) TO '{out}'",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '{out}'",
        "SELECT * FROM storage",
        "",
        "-- nothing",
    ],
)
def test_queries_only_read_the_tables(lake: Lake, tmp_path: Path, sql: str) -> None:
    storage = lake.storage  # a variable of the caller must not be a table  # noqa: F841
    out = tmp_path / "out"
    with pytest.raises(LakeError):
        lake.query(sql.format(out=out, lake=lake.uri))
    assert not out.exists()


def test_mistakes_are_answered_with_the_tables_and_columns(lake: Lake) -> None:
    with pytest.raises(LakeError) as caught:
        lake.query("SELECT agee FROM persons")
    assert "agee" in caught.value.message
    assert "\n" not in str(caught.value)
    assert "age_years" in caught.value.advice
    assert "commit_id" not in caught.value.advice
    with pytest.raises(LakeError) as caught:
        lake.query("SELEC 1")
    assert "SELEC" in caught.value.message


def test_a_lost_table_says_so(lake: Lake) -> None:
    shutil.rmtree(Path(lake.uri) / "tables" / "audit")
    with pytest.raises(LakeError, match="lost its table audit"):
        lake.query("SELECT 1")


def test_a_damaged_table_says_so(lake: Lake, video_row: Make) -> None:
    lake.commit(videos=[video_row("a.mp4")])
    for path in (Path(lake.uri) / "tables" / "videos").glob("*.parquet"):
        path.write_bytes(b"garbage")
    with pytest.raises(LakeError, match=r"tables|videos"):
        lake.query("SELECT sha256 FROM videos")
    with pytest.raises(LakeError, match=r"tables|videos"):
        lake.demographics()
    with pytest.raises(LakeError, match="videos"):
        lake.ledger()


def test_a_snapshot_does_not_straddle_a_commit(
    lake: Lake, video_row: Make, person_row: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit between the opening of two tables: all rows must be of before or of after."""
    lake.commit(videos=[video_row("a.mp4")], persons=[person_row("a.mp4")])
    real = delta.open_table
    intruded: list[int] = []

    def open_table(storage: object, table: str) -> object:
        if table == "persons" and not intruded:
            intruded.append(1)
            rows = [person_row("a.mp4", n, "r2") for n in range(2)]
            lake.commit(videos=[video_row("a.mp4", "r2")], persons=rows)
        return real(storage, table)  # type: ignore[arg-type]

    monkeypatch.setattr("fsp_ray.lake.query.open_table", open_table)
    answer = lake.query(
        "SELECT v.run_id, p.run_id AS r FROM videos v LEFT JOIN persons p USING (video_id)"
    )
    assert intruded
    assert answer.to_pylist() == [{"run_id": "r2", "r": "r2"}] * 2


@pytest.mark.parametrize("folder", ["lake", "ä b+*{1}"])
def test_files_are_read_by_duckdb_as_they_are_by_delta(
    tmp_path: Path, folder: str, video_row: Make, person_row: Make
) -> None:
    """Also rows that were replaced, and a column that some files, or all, do not have."""
    lake = Lake.create(str(tmp_path / folder))
    for number in range(3):
        lake.commit(videos=[video_row(f"{number}.mp4")], persons=[person_row(f"{number}.mp4")])
    lake.commit(videos=[video_row("1.mp4", num_frames=7)], persons=[person_row("1.mp4", 4)])
    for rows_before in (True, False):
        if not rows_before:
            newer = DeltaTable(lake.storage.uri("tables/persons"))
            newer.alter.add_columns([Field("mood", "string")])
            lake.commit(videos=[video_row("4.mp4")], persons=[person_row("4.mp4")])
        answers: list[dict[str, list[tuple[object, ...]]]] = []
        for by_files in (True, False):
            with tables(lake.storage, by_files=by_files) as base:
                names = [*TABLES, *(f"_{name}" for name in TABLES)]
                answers.append(
                    {name: base.execute(f"FROM {name} ORDER BY ALL").fetchall() for name in names}
                )
        assert answers[0] == answers[1]
        assert len(answers[0]["persons"]) == (3 if rows_before else 4)
        assert answers[0]["tracks"] == []
