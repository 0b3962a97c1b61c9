"""fsp query and fsp demographics, on a small lake."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fsp_ray.cli import rows as rows_module
from fsp_ray.cli.rows import RowFormat, named_apart, print_rows
from fsp_ray.core.ages import age_group
from fsp_ray.core.ids import video_id
from fsp_ray.lake import Lake
from fsp_ray.lake.tables import PUBLISHED_COLUMNS

from .conftest import Fsp

PEOPLE = [(30.0, "female")] * 7 + [(61.0, "male")] * 6 + [(8.0, "female"), (9.0, "male")]


def _video(path: str, **changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "video_id": video_id(path),
        "source_path": path,
        "source_uri": f"/source/{path}",
        "published_uri": f"/lake/videos/{path}",
        "status": "published",
        "fingerprint": "1",
        "pack": "open",
        "settings_hash": "0" * 16,
        "run_id": "run",
        "finished_at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "recorded_on": date(2026, 1, 1),
        "duration_s": 2.0,
        "num_frames": 50,
        "width": 64,
        "height": 48,
        "frame_rate": 25.0,
        "has_audio": False,
        "num_persons": len(PEOPLE),
        "num_faces": 9,
        "covered_faces": 0,
        "sha256": "0" * 64,
    }
    return {**row, **changes}


def _person(number: int, age_years: float, gender: str) -> dict[str, Any]:
    return {
        "video_id": video_id("v.mp4"),
        "run_id": "run",
        "person_id": f"p{number:04d}",
        "first_seen_s": 0.0,
        "last_seen_s": 2.0,
        "visible_s": 1.5,
        "num_frames": 40,
        "age_years": age_years,
        "age_group": age_group(age_years),
        "gender": gender,
        "gender_confidence": 0.9,
        "median_face_px": 80.0,
        "replaced": "synthetic",
    }


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("lake") / "lake"
    persons = [_person(i, age, gender) for i, (age, gender) in enumerate(PEOPLE)]
    failed: dict[str, Any] = dict.fromkeys(PUBLISHED_COLUMNS)
    failed |= {"status": "failed", "reason": "empty: [b]no[/b] bytes."}
    videos = [_video("v.mp4"), _video("w.mp4", **failed)]
    Lake.create(str(folder)).commit(videos=videos, persons=persons)
    return str(folder)


SQL = "SELECT source_path, num_frames, reason, finished_at, has_audio FROM videos ORDER BY 1"


def test_a_table_shows_values_as_they_are(fsp: Fsp, lake: str) -> None:
    code, out, err = fsp("query", lake, SQL)
    assert (code, err) == (0, "")
    assert "source_path   num_frames   reason" in out
    assert "empty: [b]no[/b] bytes." in out
    assert "None" not in out


def test_json_has_types_and_nulls(fsp: Fsp, lake: str) -> None:
    for how in (("--format", "json"), ("--json",)):
        code, out, _ = fsp("query", lake, SQL, *how)
        assert code == 0
        first, second = json.loads(out)
        assert first["num_frames"] == 50
        assert first["finished_at"].startswith("2026-01-02T03:04:05")
        assert first["has_audio"] is False
        assert second["num_frames"] is None
    assert json.loads(fsp("query", lake, "SELECT 1 AS x WHERE false", "--json")[1]) == []


def test_sums_are_numbers(fsp: Fsp, lake: str) -> None:
    sql = "SELECT sum(num_frames) AS whole, 1.5::DECIMAL(9,2) AS part FROM videos"
    assert json.loads(fsp("query", lake, sql, "--json")[1]) == [{"whole": 50, "part": 1.5}]
    assert fsp("query", lake, sql, "-f", "csv")[1] == "whole,part\n50,1.5\n"


def test_csv_reads_back(fsp: Fsp, lake: str) -> None:
    code, out, _ = fsp("query", lake, "SELECT 'a,\"b' AS x, NULL AS y, 0.1 AS z", "-f", "csv")
    assert code == 0
    assert list(csv.reader(io.StringIO(out))) == [["x", "y", "z"], ['a,"b', "", "0.1"]]


def test_columns_of_one_name_are_both_shown(fsp: Fsp, lake: str) -> None:
    sql = "SELECT v.status, w.status FROM videos v, videos w WHERE v.status < w.status"
    code, out, _ = fsp("query", lake, sql, "-f", "csv")
    assert code == 0
    assert out.splitlines() == ["status,status_2", "failed,published"]


def test_names_are_told_apart_from_all_others() -> None:
    assert named_apart(["a", "a_2", "a", "a"]) == ["a", "a_2", "a_3", "a_4"]


def test_parquet_keeps_whole_numbers_whole(fsp: Fsp, lake: str, tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    code, out, err = fsp("query", lake, SQL, "-f", "parquet", "-o", str(path))
    assert (code, out) == (0, "")
    assert "2 rows written" in err
    frame = pd.read_parquet(path, dtype_backend="pyarrow")
    assert str(frame.dtypes["num_frames"]) == "int64[pyarrow]"
    assert frame["num_frames"].tolist() == [50, pd.NA]


@pytest.mark.parametrize("extra", [("-f", "parquet"), ("-o", "x.parquet"), ("-f", "xml")])
def test_parquet_and_a_file_go_together(fsp: Fsp, lake: str, extra: tuple[str, ...]) -> None:
    code, out, err = fsp("query", lake, SQL, *extra)
    assert (code, out) == (2, "")
    assert "error: " in err


def test_a_file_that_cannot_be_written_is_2(fsp: Fsp, lake: str, tmp_path: Path) -> None:
    path = tmp_path / "no" / "such" / "folder.parquet"
    code, _, err = fsp("query", lake, SQL, "-f", "parquet", "-o", str(path))
    assert code == 2
    assert str(path) in err


@pytest.mark.parametrize("sql", ["SELEC", "DROP TABLE videos", "SELECT nothing FROM videos"])
def test_wrong_sql_is_a_sentence(fsp: Fsp, lake: str, sql: str) -> None:
    code, out, err = fsp("query", lake, sql)
    assert (code, out) == (1, "")
    assert err.startswith("error: ")
    assert "Traceback" not in err


def test_no_lake_is_a_sentence(fsp: Fsp, tmp_path: Path) -> None:
    for command in (("query", str(tmp_path), "SELECT 1"), ("demographics", str(tmp_path))):
        code, out, err = fsp(*command)
        assert (code, out) == (1, "")
        assert "is not a lake" in err


def test_small_counts_are_kept_back(fsp: Fsp, lake: str) -> None:
    code, out, _ = fsp("demographics", lake, "--json")
    assert code == 0
    by_group = {(row["age_group"], row["gender"]): row for row in json.loads(out)}
    assert by_group["25-34", "female"]["persons"] == 7
    assert by_group["5-14", "male"]["persons"] is None
    assert by_group["5-14", "male"]["suppressed"] is True


def test_k_1_keeps_nothing_back(fsp: Fsp, lake: str) -> None:
    rows = json.loads(fsp("demographics", lake, "--by", "gender", "--k", "1", "--json")[1])
    assert {row["gender"]: row["persons"] for row in rows} == {"female": 8, "male": 7}


def test_suppressed_is_said_in_the_table(fsp: Fsp, lake: str) -> None:
    out = fsp("demographics", lake)[1]
    (line,) = [line for line in out.splitlines() if line.startswith("5-14") and "female" in line]
    assert "true" in line


def test_since_leaves_out_what_is_older(fsp: Fsp, lake: str) -> None:
    assert json.loads(fsp("demographics", lake, "--since", "2026-01-02", "--json")[1]) == []
    later = fsp("demographics", lake, "--by", "month", "--since", "2026-01-01", "-f", "csv")[1]
    assert later.splitlines()[1].startswith("2026-01,15,")


@pytest.mark.parametrize(
    "extra",
    [("--by", "hair"), ("--by", ""), ("--by", "gender,gender"), ("--k", "0"), ("--since", "May")],
)
def test_wrong_demographics_are_2(fsp: Fsp, lake: str, extra: tuple[str, ...]) -> None:
    code, out, err = fsp("demographics", lake, *extra)
    assert (code, out) == (2, "")
    assert "error: " in err


def test_a_long_table_is_the_same_table_in_a_moment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {"name": "日本 é", "persons": 12, "kept": None, "is": True, "text": "x" * 9}
    rows: list[dict[str, object]] = [row, {**row, "name": "", "persons": None}] * 2
    monkeypatch.setenv("COLUMNS", "200")
    print_rows(list(row), rows, RowFormat.TABLE)
    laid_out = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    monkeypatch.setattr(rows_module, "_LAID_OUT", 3)
    print_rows(list(row), rows, RowFormat.TABLE)
    assert capsys.readouterr().out.splitlines() == laid_out


def test_a_cell_of_a_long_table_neither_breaks_its_line_nor_talks_to_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows_module, "_LAID_OUT", 0)
    print_rows(["a"], [{"a": "x\ny\x1b[2Jé"}], RowFormat.TABLE)
    assert capsys.readouterr().out.splitlines()[2] == "x\\ny\\x1b[2Jé"
