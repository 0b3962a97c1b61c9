"""What must hold of a lake whatever died while it was written."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import av

from fsp_ray.lake import Lake, published_path

KEYS: Mapping[str, tuple[str, ...]] = {
    "videos": ("video_id",),
    "persons": ("video_id", "person_id"),
    "tracks": ("video_id", "track_id"),
    "audit": ("video_id", "person_id"),
    "runs": ("run_id",),
}


def check_whole(lake_uri: str, frames: Mapping[str, int]) -> None:
    """Check what must hold at any moment, whatever is being done or has died.

    No row is doubled; every published file is whole: it plays, with as many frames as its source.

    Args:
        lake_uri: the lake.
        frames: frames of each source video by its path in the source.
    """
    lake = Lake.open(lake_uri)
    for table, key in KEYS.items():
        rows = lake.query(f"SELECT {', '.join(key)} FROM {table}").to_pylist()
        twice = [key for key, n in Counter(tuple(r.values()) for r in rows).items() if n > 1]
        assert twice == [], f"{table} has rows twice"
    sources = {published_path(path).removeprefix("videos/"): path for path in frames}
    for name in published_files(lake):
        if not name.endswith(".json"):
            assert _num_frames(lake, name) == frames[sources[name]], f"{name} is not whole"


def check_done(
    lake_uri: str, frames: Mapping[str, int], *, unpublished: Collection[str] = ()
) -> None:
    """Check what must hold when a run is over.

    Every source video has exactly one row, those that could not be published with a reason; a
    published file has the hash that its row says, and lies beside its certificate; nothing else
    lies in the lake, and nothing in its staging.

    Args:
        lake_uri: the lake.
        frames: frames of each source video by its path in the source; of those that can't be
            published any number.
        unpublished: paths of the videos that can't be published.
    """
    check_whole(lake_uri, frames)
    lake = Lake.open(lake_uri)
    rows = {row["source_path"]: row for row in lake.query("FROM videos").to_pylist()}
    assert set(rows) == set(frames)
    for path, row in rows.items():
        assert (row["status"] != "published") == (path in unpublished), (path, row["reason"])
        if row["status"] == "published":
            assert row["num_frames"] == frames[path]
            assert row["sha256"] == lake.storage.sha256(published_path(path))
        else:
            assert row["reason"]
    names = {published_path(p).removeprefix("videos/") for p in frames if p not in unpublished}
    assert set(published_files(lake)) == names | {f"{name}.json" for name in names}
    assert staged_files(lake) == []


def published_files(lake: Lake) -> list[str]:
    """Return the paths under `videos/`, relative to it."""
    root = lake.storage.uri("videos")
    found: list[str] = lake.storage.filesystem.find(root)
    start = len(root.removeprefix("s3://")) + 1
    return [str(path)[start:] for path in found]


def staged_files(lake: Lake) -> list[Path]:
    """Return what lies in a local lake's staging; a bucket's staging is the test's to look at.

    Copies of published files that a killed process was making are none: they are collected after
    a day, when they are surely nobody's.
    """
    if not lake.storage.is_local:
        return []
    folder = lake.storage.local("_staging")
    found = (path for path in folder.rglob("*") if path.is_file())
    return [path for path in found if path.parent != lake.storage.local("_staging/publishing")]


def rows_of(lake_uri: str) -> list[dict[str, Any]]:
    """Return the rows of `videos`, by path: to compare before and after."""
    return Lake.open(lake_uri).query("FROM videos ORDER BY source_path").to_pylist()


def num_frames(path: Path) -> int:
    """Return how many frames of a local file decode."""
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def _num_frames(lake: Lake, name: str) -> int:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / PurePosixPath(name).name
        copy.write_bytes(lake.storage.read_bytes(f"videos/{name}"))
        return num_frames(copy)
