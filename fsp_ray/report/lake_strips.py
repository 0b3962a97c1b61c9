"""A strip for every published video of a lake, for people who look at what came out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fsp_ray.core.errors import SettingsError
from fsp_ray.lake import Lake
from fsp_ray.report.contact_sheet import strip


def lake_strips(lake: str, out: Path, *, every_s: float = 1.0) -> Iterator[Path]:
    """Write `out`/<path of the source>.png for each published video; yield each when written.

    Needs the source videos where they were when the run read them, and all on local paths.

    Raises:
        LakeError: the lake can't be read.
        SettingsError: a video is not in a local file.
        VideoError: a video can't be read.
    """
    answer: Any = Lake.open(lake).query(
        "SELECT coalesce(source_path, video_id) AS path, source_uri, published_uri FROM videos"
        " WHERE published_uri IS NOT NULL ORDER BY path"
    )
    for row in answer.to_pylist():
        picture = out / f"{row['path']}.png"
        strip(_local(row["source_uri"]), _local(row["published_uri"]), picture, every_s=every_s)
        yield picture


def _local(uri: str) -> Path:
    if "://" in uri:
        raise SettingsError(f"{uri} is not a local file.", advice="Copy it to this machine first.")
    return Path(uri)
