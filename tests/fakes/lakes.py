"""Large lakes of made-up rows, written as columns: a million persons in seconds.

python tests/fakes/lakes.py LAKE [VIDEOS] [PERSONS] [--files]
"""

from __future__ import annotations

import hashlib
import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from deltalake import write_deltalake

from fsp_ray.core.ages import AGE_GROUPS, GENDERS
from fsp_ray.core.ids import video_id
from fsp_ray.lake import TABLES, Lake
from fsp_ray.lake.layout import certificate_path, published_path, table_path

FOLDERS = 100
DAYS = 365
CONTENT = b"not really a video"
_NOW = datetime(2026, 3, 4, 12, 30, tzinfo=UTC)
_COMMIT = "20260304T123000Z-00000000"
_ROWS_A_WRITE = 500_000


def make_lake(
    uri: str, *, videos: int, persons: int, seed: int = 0, files: bool = False, commits: int = 1
) -> Lake:
    """Make a lake whose rows were drawn by dice; every 500th video is quarantined.

    Args:
        files: also write the published files and their certificates, of some bytes each.
        commits: in how many pieces the tables are written.
    """
    lake = Lake.create(uri)
    dice = np.random.default_rng(seed)
    paths = [f"cam{number % FOLDERS:03d}/{number:07d}.mp4" for number in range(videos)]
    ids = np.array([video_id(path) for path in paths])
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    for piece in np.array_split(np.arange(videos), commits):
        _write(lake, "videos", _videos(lake, piece, paths, ids, sha256, dice))
    whose = np.sort(dice.integers(0, videos, persons))
    for piece in np.array_split(np.arange(persons), max(commits, -(-persons // _ROWS_A_WRITE))):
        _write(lake, "persons", _persons(ids[whose[piece]], piece, dice))
        _write(lake, "audit", _audit(ids[whose[piece]], piece))
    if files:
        for number, path in enumerate(paths):
            if not _is_quarantined(number):
                _write_files(lake, path, sha256)
    return lake


def _is_quarantined(number: Any) -> Any:
    return number % 500 == 499


def _write(lake: Lake, table: str, columns: dict[str, Any]) -> None:
    schema = TABLES[table].schema
    size = len(columns["video_id"])
    columns["commit_id"] = np.full(size, _COMMIT)
    arrays = [
        pa.array(columns[field.name], field.type)
        if field.name in columns
        else pa.nulls(size, field.type)
        for field in schema
    ]
    bare = pa.schema([field.remove_metadata() for field in schema])
    rows = pa.Table.from_arrays(arrays, schema=bare)
    write_deltalake(lake.storage.uri(table_path(table)), rows, mode="append")


def _videos(
    lake: Lake, piece: Any, paths: list[str], ids: Any, sha256: str, dice: Any
) -> dict[str, Any]:
    size = len(piece)
    bad = _is_quarantined(piece)
    first = date(2026, 1, 1).toordinal() - date(1970, 1, 1).toordinal()
    named = [paths[number] for number in piece]
    return {
        "video_id": ids[piece],
        "source_path": named,
        "source_uri": [f"/source/{path}" for path in named],
        "published_uri": pa.array(
            [lake.storage.uri(published_path(path)) for path in named], mask=bad
        ),
        "status": np.where(bad, "quarantined", "published"),
        "reason": pa.array(["face_not_covered: Made up."] * size, mask=~bad),
        "fingerprint": np.full(size, f"sha256:{sha256}"),
        "pack": np.full(size, "open"),
        "settings_hash": np.full(size, "0" * 16),
        "run_id": np.full(size, "r1"),
        "finished_at": pa.array([_NOW] * size, pa.timestamp("us", tz="UTC")),
        "recorded_on": pa.array(first + dice.integers(0, DAYS, size), pa.int32()).cast(pa.date32()),
        "duration_s": dice.gamma(2, 30, size),
        "num_frames": dice.integers(1, 9000, size),
        "width": np.full(size, 640),
        "height": np.full(size, 480),
        "frame_rate": np.full(size, 25.0),
        "has_audio": np.full(size, True),
        "num_persons": np.full(size, 10),
        "num_faces": np.full(size, 1000),
        "covered_faces": np.full(size, 0),
        "sha256": pa.array([sha256] * size, mask=bad),
    }


def _persons(videos: Any, piece: Any, dice: Any) -> dict[str, Any]:
    size = len(piece)
    ages = np.clip(dice.gamma(4, 9, size), 0, 100).round()
    starts = np.array([0, 5, 15, 25, 35, 45, 55, 65])
    seen = dice.gamma(2, 4, size).round(3)
    return {
        "video_id": videos,
        "run_id": np.full(size, "r1"),
        "person_id": _person_ids(videos, piece),
        "first_seen_s": np.zeros(size),
        "last_seen_s": seen,
        "visible_s": seen,
        "num_frames": dice.integers(1, 2000, size),
        "age_years": ages,
        "age_group": np.array(AGE_GROUPS)[np.searchsorted(starts, ages, side="right") - 1],
        "gender": np.array(GENDERS)[dice.integers(0, 2, size)],
        "gender_confidence": dice.uniform(0.5, 1, size),
        "median_face_px": dice.gamma(4, 20, size),
        "replaced": np.full(size, "synthetic"),
    }


def _audit(videos: Any, piece: Any) -> dict[str, Any]:
    size = len(piece)
    return {
        "video_id": videos,
        "run_id": np.full(size, "r1"),
        "person_id": _person_ids(videos, piece),
        "verdict": np.full(size, "pass"),
        "retries": np.zeros(size, np.int64),
        "threshold": np.full(size, 0.4),
        "matched_frames": np.zeros(size, np.int64),
        "leaked_frames": np.zeros(size, np.int64),
        "auditor": np.full(size, "made up"),
    }


def _person_ids(videos: Any, piece: Any) -> Any:
    return np.char.add(np.char.add(videos, "-p"), piece.astype(str))


def _write_files(lake: Lake, path: str, sha256: str) -> None:
    place = lake.storage.local(published_path(path))
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(CONTENT)
    said = {"name": place.name, "sha256": sha256, "size_bytes": len(CONTENT)}
    lake.storage.local(certificate_path(path)).write_text(json.dumps({"file": said}))


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    made = make_lake(
        str(Path(words[0])),
        videos=int(words[1]) if len(words) > 1 else 100_000,
        persons=int(words[2]) if len(words) > 2 else 1_000_000,
        files="--files" in sys.argv,
    )
    sys.stdout.write(f"{made.uri}\n")
