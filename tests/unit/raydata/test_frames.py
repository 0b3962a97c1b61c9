"""Frames out of the object store: the same as those decoded here, and nothing is left behind."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import ray

from fsp_ray.core.config import VideoLimits
from fsp_ray.core.errors import FailureReason, VideoError
from fsp_ray.core.video_types import Shard, VideoInfo
from fsp_ray.lake.media import LocalMedia
from fsp_ray.raydata.frames import StoreFrames
from fsp_ray.raydata.watchdog import Tombstone
from fsp_ray.stages.shard_frames import decode_here
from fsp_ray.stages.staging import Staging
from fsp_ray.video import plan_shards, probe
from tests.fakes.media import Clip, write_clip

pytestmark = [pytest.mark.ray, pytest.mark.faults, pytest.mark.timeout(120)]

FRAME_BYTES = 96 * 64 * 3


@pytest.fixture(scope="module", autouse=True)
def one_ray() -> Iterator[None]:
    ray.init(
        address="local",
        num_cpus=1,
        include_dashboard=False,
        object_store_memory=80 << 20,
        log_to_driver=False,
    )
    try:
        yield
    finally:
        ray.shutdown()


@pytest.fixture
def clip(tmp_path: Path) -> tuple[LocalMedia, VideoInfo, Shard]:
    path = write_clip(tmp_path / "a.mp4", Clip())
    media = LocalMedia(str(path), str(path))
    info = probe(media, video_id="v", limits=VideoLimits())
    return media, info, plan_shards(media, info, target_frames=1000)[0]


def _frames(folder: Path, stall_s: float = 60) -> StoreFrames:
    (folder / "staging").mkdir(exist_ok=True)
    staging = Staging(folder / "staging" / "v")
    return StoreFrames(Tombstone.of(staging, "decode/analyse-s", "r"), stall_s)


def _becomes(free_cpus: float) -> bool:
    """Wait until so many CPUs are free: Ray tells it late."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if ray.available_resources().get("CPU", 0) == free_cpus:
            return True
        time.sleep(0.05)
    return False


def test_they_are_those_that_are_decoded_here(
    clip: tuple[LocalMedia, VideoInfo, Shard], tmp_path: Path
) -> None:
    here = list(decode_here(*clip))
    there = list(_frames(tmp_path)(*clip, batch_bytes=5 * FRAME_BYTES))
    assert max(map(len, there)) == 5
    for name in ("rgb", "pts"):
        one, other = (np.concatenate([getattr(b, name) for b in bs]) for bs in (here, there))
        assert (one == other).all()
    assert all(batch.rgb.flags.writeable for batch in there)
    assert list((tmp_path / "staging" / "v" / "tombstones").iterdir()) == []


def test_an_error_is_the_one_that_decoding_raised(
    clip: tuple[LocalMedia, VideoInfo, Shard], tmp_path: Path
) -> None:
    path = clip[0].local_path
    assert path is not None
    path.unlink()
    with pytest.raises(VideoError) as here:
        list(decode_here(*clip))
    with pytest.raises(VideoError) as there:
        list(_frames(tmp_path)(*clip))
    assert type(there.value) is VideoError
    assert there.value.reason is here.value.reason is FailureReason.UNREADABLE
    assert str(there.value) == str(here.value)


def test_whoever_leaves_early_leaves_no_task_behind(
    clip: tuple[LocalMedia, VideoInfo, Shard], tmp_path: Path
) -> None:
    with closing(cast("Any", _frames(tmp_path)(*clip, batch_bytes=FRAME_BYTES))) as frames:
        assert len(next(frames)) == 1
        assert _becomes(0)  # the task waits for us, far from its end
    assert _becomes(1)


def test_frames_that_nobody_takes_are_not_decoded(
    clip: tuple[LocalMedia, VideoInfo, Shard], tmp_path: Path
) -> None:
    _frames(tmp_path)(*clip)
    time.sleep(1)
    assert _becomes(1)


def test_a_task_that_waits_for_the_worker_does_not_hang(
    clip: tuple[LocalMedia, VideoInfo, Shard], tmp_path: Path
) -> None:
    count = 0
    for batch in _frames(tmp_path, stall_s=1)(*clip, batch_bytes=12 * FRAME_BYTES):
        time.sleep(1.5)
        count += len(batch)
    assert count == 48
