from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from hypothesis import given
from hypothesis import strategies as st

from fsp_ray.raydata.waves import BYTES_PER_WORKER, VIDEOS_PER_WORKER, waves
from fsp_ray.stages.results import VideoTask


class _Media:
    uri = "x"
    local_path: Path | None = None

    def open(self) -> BinaryIO:
        raise AssertionError("planning a wave opens nothing")


def _task(number: int, size_bytes: int) -> VideoTask:
    return VideoTask(f"{number}.mp4", str(number), str(number), "f", size_bytes, _Media())


@given(st.lists(st.integers(0, 5 << 30), max_size=120), st.integers(1, 4))
def test_waves_keep_order_lose_nothing_and_stay_in_bounds(sizes: list[int], workers: int) -> None:
    tasks = [_task(number, size) for number, size in enumerate(sizes)]
    made = list(waves(tasks, workers=workers))
    assert [task for wave in made for task in wave] == tasks
    for wave in made:
        assert 1 <= len(wave) <= VIDEOS_PER_WORKER * workers
        assert len(wave) == 1 or sum(t.size_bytes for t in wave) <= BYTES_PER_WORKER * workers
