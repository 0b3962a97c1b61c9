from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from fsp_ray.lake import TABLES, Lake, Row, delta, export_schemas
from fsp_ray.lake.delta import open_table
from fsp_ray.lake.schema import Column, Table

SCHEMAS = Path(__file__).parents[3] / "schemas"

# DESIGN's columns: what users' queries rely on.
PROMISED = {
    "videos": "video_id source_uri published_uri status reason fingerprint pack settings_hash"
    " run_id finished_at recorded_on duration_s num_frames width height frame_rate has_audio"
    " num_persons num_faces covered_faces sha256",
    "persons": "video_id person_id first_seen_s last_seen_s visible_s num_frames age_years"
    " age_std_years age_group gender gender_confidence median_face_px replaced",
    "tracks": "video_id track_id person_id start_s end_s num_frames swapped_frames covered_frames"
    " interpolated_frames mean_det_score median_face_px",
    "audit": "video_id person_id verdict retries distance_mean distance_min threshold"
    " matched_frames rank_1 detected_after age_years_after gender_after leaked_frames auditor",
    "runs": "run_id started_at finished_at source pack licence settings version published"
    " unchanged quarantined failed frames faces seconds_by_stage",
}


def test_the_exported_schemas_are_those_of_the_code(tmp_path: Path) -> None:
    exported = {path.name: path.read_text(encoding="utf-8") for path in export_schemas(tmp_path)}
    kept = {path.name: path.read_text(encoding="utf-8") for path in SCHEMAS.glob("*.json")}
    assert kept == exported, "run fsp_ray.lake.export_schemas(Path('schemas'))"
    assert [json.loads(text)["table"] for text in exported.values()] == list(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_promised_columns_are_there(name: str) -> None:
    assert set(PROMISED[name].split()) <= set(TABLES[name].column_names)


@pytest.mark.parametrize("name", TABLES)
def test_nothing_biometric_has_a_column(name: str) -> None:
    banned = ("embedding", "landmark", "crop", "seed", "secret", "texture", "kps", "xyxy")
    assert not [c for c in TABLES[name].column_names if any(word in c for word in banned)]


@pytest.mark.parametrize("name", TABLES)
def test_delta_keeps_types_nullability_and_descriptions(name: str, lake: Lake) -> None:
    stored = pa.schema(open_table(lake.storage, name).schema().to_arrow())
    wanted = TABLES[name].schema
    assert stored.names == wanted.names
    for field in wanted:
        found = stored.field(field.name)
        assert (found.type, found.nullable) == (field.type, field.nullable)
        assert found.metadata[b"description"] == field.metadata[b"description"]


def test_timestamps_are_utc() -> None:
    for table in TABLES.values():
        for field in table.schema:
            if pa.types.is_timestamp(field.type):
                assert field.type.tz == "UTC"


def test_columns_and_tables_check_themselves() -> None:
    with pytest.raises(ValueError, match="words"):
        Column("x", "int64", "", words=("a",))
    with pytest.raises(ValueError, match="bounds"):
        Column("x", "string", "", lowest=1)
    with pytest.raises(ValueError, match="twice"):
        Table("t", "", ("x",), (Column("x", "string", ""), Column("x", "string", "")))
    with pytest.raises(ValueError, match="key"):
        Table("t", "", ("y",), (Column("x", "string", ""),))


def _as_it_was(table: Table, without: str) -> Table:
    """A table as an older version made it: other words about a column, and one column less."""
    columns = tuple(
        replace(column, description="otherwise", words=())
        for column in table.columns
        if column.name != without
    )
    return replace(table, columns=columns)


def test_a_lake_of_an_older_version_takes_what_this_one_writes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    video_row: Callable[..., Row],
    person_row: Callable[..., Row],
    audit_row: Callable[..., Row],
) -> None:
    older = {name: _as_it_was(table, "age_std_years") for name, table in TABLES.items()}
    with monkeypatch.context() as patch:
        patch.setattr(delta, "TABLES", older)
        Lake.create(str(tmp_path / "lake"))
    lake = Lake.create(str(tmp_path / "lake"))
    for _ in range(2):
        lake.commit(
            videos=[video_row("a.mp4")],
            persons=[person_row("a.mp4", age_std_years=4.5)],
            audit=[audit_row("a.mp4")],
        )
    (row,) = lake.query(
        "select age_std_years, verdict from persons join audit using (person_id)"
    ).to_pylist()
    assert row == {"age_std_years": 4.5, "verdict": "pass"}
