"""Whoever decodes, the worker or a task that hands it frames, what is published is the same.

Both runs are counted where Ray counts: Prometheus sees them.
"""

from __future__ import annotations

import re
import shutil
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray

from fsp_ray.core.config import RunSettings
from fsp_ray.lake import Lake
from fsp_ray.raydata import RunRequest, anonymize
from fsp_ray.raydata.resources import Layout
from tests.fakes.media import Clip, write_clip
from tests.fakes.samples import carphone
from tests.faults.invariants import check_done, num_frames

pytestmark = [pytest.mark.ray, pytest.mark.faults, pytest.mark.timeout(290)]

LAYOUTS: tuple[Layout, ...] = ("shards", "frames")
# What tells two runs apart.
RUNS_OWN = {"run_id", "commit_id", "finished_at", "published_uri", "source_uri"}
# Ray hands metrics on every ten seconds.
SCRAPES_S = 40.0


@pytest.fixture(scope="module")
def lakes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Layout, Path]]:
    """The same archive, done both ways, on a Ray that is still there.

    It has room for a worker and its decoder, and no more: two that wait for each other would hang.
    """
    folder = tmp_path_factory.mktemp("layouts")
    source = folder / "source"
    source.mkdir()
    shutil.copy(carphone(), source / "carphone.mp4")
    write_clip(source / "turned.mp4", Clip(rotation=90, audio="aac"))
    frames = {path.name: num_frames(path) for path in source.iterdir()}
    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=160 << 20,
        log_to_driver=False,
    )
    try:
        for layout in LAYOUTS:
            _run(source, folder / layout, layout)
            check_done(str(folder / layout), frames)
            assert _decoding_tasks() == (layout == "frames")
        yield {layout: folder / layout for layout in LAYOUTS}
    finally:
        ray.shutdown()


def _run(source: Path, lake: Path, layout: Layout) -> None:
    settings = RunSettings(preset="ultrafast", shard_frames=60)
    request = RunRequest(str(source), str(lake), settings, workers=2, seed=7, layout=layout)
    summary = anonymize(request, lambda _: None)
    assert summary.problems == ()


def _decoding_tasks() -> bool:
    """Tell whether there were any."""
    return any("_decoded" in str(event["cat"]) for event in ray.timeline() or ())


def _rows(lake: Path, table: str) -> list[dict[str, Any]]:
    rows = Lake.open(str(lake)).query(f"FROM {table}").to_pylist()
    kept = [{k: v for k, v in row.items() if k not in RUNS_OWN} for row in rows]
    return sorted(kept, key=repr)


def test_both_layouts_publish_the_same(lakes: dict[Layout, Path]) -> None:
    here, there = lakes.values()
    published = [path.relative_to(here) for path in (here / "videos").glob("*.mp4")]
    assert len(published) == 2
    for name in published:
        assert (here / name).read_bytes() == (there / name).read_bytes(), name
    assert len(_rows(here, "persons")) > 0
    for table in ("videos", "persons", "tracks", "audit"):
        assert _rows(here, table) == _rows(there, table), table


def _scraped() -> dict[str, float]:
    """Return what the node tells Prometheus of us, summed up over its labels but our own."""
    node = ray.nodes()[0]
    url = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
    sums: dict[str, float] = {}
    with urllib.request.urlopen(url, timeout=10) as reply:
        for line in reply.read().decode().splitlines():
            found = re.match(r"ray_(fsp_\w+)\{(.*)\} (\S+)$", line)
            if found and not found[1].endswith("_bucket"):
                ours = re.findall(r'\b(step|part|status|reason)="(\w+)"', found[2])
                name = found[1] + "".join(f" {value}" for _, value in ours)
                sums[name] = sums.get(name, 0) + float(found[3])
                assert ".mp4" not in line
    return sums


def test_prometheus_sees_what_was_done(lakes: dict[Layout, Path]) -> None:
    frames = sum(row["num_frames"] for row in _rows(lakes["shards"], "videos"))
    faces = sum(row["num_faces"] for row in _rows(lakes["shards"], "videos"))
    wanted = {
        "fsp_frames_total analyse": 2 * frames,
        "fsp_videos_total published": 4,
        "fsp_faces_total": 2 * faces,
        "fsp_video_length_seconds_count": 4,
    }
    deadline, seen = time.monotonic() + SCRAPES_S, dict[str, float]()
    while not wanted.items() <= seen.items() and time.monotonic() < deadline:
        time.sleep(1)
        seen = _scraped()
    assert wanted.items() <= seen.items(), seen
    assert seen["fsp_frames_total render"] >= 2 * frames  # some are rendered again
    assert seen["fsp_stage_seconds_total swap"] > 0
    assert seen["fsp_shard_seconds_count analyse"] > 0
    assert not any(name.startswith("fsp_failures") for name in seen)
