"""Nodes of a cluster go and come in mid-run: nothing is lost or doubled, and what comes is used."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.cluster_utils import Cluster

from fsp_ray.core.config import RunSettings
from fsp_ray.core.progress import Progress
from fsp_ray.raydata import RunRequest, anonymize
from fsp_ray.raydata.resources import ClusterError
from tests.fakes.media import Clip, write_clip
from tests.faults.invariants import check_done, num_frames

pytestmark = [pytest.mark.ray, pytest.mark.faults, pytest.mark.timeout(280)]

SETTINGS = RunSettings(replace="cover", preset="ultrafast", shard_frames=12)
NODE = {"num_cpus": 1, "object_store_memory": 80 << 20}


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A head with one CPU, where the driver is; add nodes at will."""
    nodes = Cluster(
        initialize_head=True,
        head_node_args={**NODE, "include_dashboard": False},
    )
    try:
        yield nodes
    finally:
        ray.shutdown()
        nodes.shutdown()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    for name in ("a.mp4", "b.mp4"):
        write_clip(folder / name, Clip())
    return folder


def _frames(source: Path) -> dict[str, int]:
    return {path.name: num_frames(path) for path in source.iterdir()}


class At:
    """Does something once, in the middle of a phase."""

    def __init__(self, phase: str, act: Callable[[], object]) -> None:
        self.phase, self.act, self.done = phase, act, False

    def __call__(self, progress: Progress) -> None:
        if not self.done and progress.phase == self.phase and progress.frames_done > 0:
            self.done = True
            self.act()


def _run(cluster: Cluster, source: Path, lake: Path, tell: Any, **asked: Any) -> Any:
    request = RunRequest(
        str(source), str(lake), SETTINGS, address=cluster.address, **{"workers": 2, **asked}
    )
    return anonymize(request, tell)


@pytest.mark.parametrize(
    "phase", ["render", pytest.param("analyse", marks=pytest.mark.faults_long)]
)
def test_a_node_that_goes_costs_nothing_but_time(
    phase: str, cluster: Cluster, source: Path, tmp_path: Path
) -> None:
    lost = cluster.add_node(**NODE)
    # Not gracefully: its processes are killed, as by a power cut.
    go = At(phase, lambda: cluster.remove_node(lost, allow_graceful=False))
    summary = _run(cluster, source, tmp_path / "lake", go)
    assert go.done
    assert summary.problems == ()
    frames = _frames(source)
    check_done(str(tmp_path / "lake"), frames)
    assert summary.frames == sum(frames.values())
    again = _run(cluster, source, tmp_path / "lake", lambda _: None)
    assert again.videos == {"unchanged": len(frames)}


@pytest.mark.faults_long
def test_a_node_that_comes_is_used(cluster: Cluster, source: Path, tmp_path: Path) -> None:
    most, over = [0.0], threading.Event()

    def watch() -> None:
        while not over.wait(0.2):
            here, free = ray.cluster_resources(), ray.available_resources()
            most[0] = max(most[0], here.get("CPU", 0) - free.get("CPU", 0))

    watcher = threading.Thread(target=watch)

    def come() -> None:
        cluster.add_node(**NODE)
        watcher.start()

    tell = At("analyse", come)
    try:
        summary = _run(cluster, source, tmp_path / "lake", tell)
    finally:
        over.set()
        watcher.join()
    assert tell.done
    assert summary.problems == ()
    check_done(str(tmp_path / "lake"), _frames(source))
    assert most == [2]


def test_a_gpu_that_no_node_has_is_refused_at_once(
    cluster: Cluster, source: Path, tmp_path: Path
) -> None:
    start = time.monotonic()
    with pytest.raises(ClusterError, match="1 CPUs and 1 GPUs, and the nodes have 1 CPUs and 0"):
        _run(cluster, source, tmp_path / "lake", lambda _: None, gpus_per_worker=1)
    assert time.monotonic() - start < 60


@pytest.mark.faults_long
def test_a_gpu_without_cpus_beside_it_has_its_frames_decoded_elsewhere(
    cluster: Cluster, source: Path, tmp_path: Path
) -> None:
    cluster.add_node(**NODE, num_gpus=1)  # a GPU to Ray; nothing of ours runs on one yet
    ray.init(address=cluster.address, log_to_driver=False)
    summary = _run(cluster, source, tmp_path / "lake", lambda _: None, gpus_per_worker=1)
    assert summary.problems == ()
    check_done(str(tmp_path / "lake"), _frames(source))
    # The worker takes its node's only CPU.
    assert any("_decoded" in str(event["cat"]) for event in ray.timeline() or ())
