"""Many videos in one run, and many deaths on the way: nothing grows, fails, or is left behind."""

from __future__ import annotations

import random
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from fsp_ray.lake import Lake
from tests.fakes.media import Clip, write_clip
from tests.fakes.processes import descendants, kill, wait_gone
from tests.fakes.samples import carphone
from tests.faults.invariants import check_done, check_whole, num_frames
from tests.faults.runs import QUICK, RUN_S, command, receipts, run, started, write_archive

pytestmark = [pytest.mark.ray, pytest.mark.faults_long, pytest.mark.timeout(5400)]

NUM_VIDEOS = 500
SAMPLE_EVERY_S = 2.0
DEATHS = 8


def _memory_mib(root: int) -> float:
    """Return the memory that a process and all below it have for themselves (PSS)."""
    total = 0
    for pid in (root, *descendants(root)):
        try:
            total += psutil.Process(pid).memory_full_info().pss
        except psutil.Error:
            continue  # it is gone
    return total / 2**20


def _sampled(process: subprocess.Popen[str]) -> list[float]:
    samples: list[float] = []
    while process.poll() is None:
        samples.append(_memory_mib(process.pid))
        time.sleep(SAMPLE_EVERY_S)
    return samples


def _write_many(folder: Path) -> dict[str, int]:
    """Write short videos of several kinds, each 25th with a face; return their frames by path."""
    folder.mkdir()
    kinds = [
        carphone(),
        write_clip(folder / "plain.mp4", Clip(pts=range(24), audio="aac")),
        write_clip(folder / "b frames.mp4", Clip(pts=range(24), b_frames=2)),
        write_clip(folder / "small.mp4", Clip(pts=range(8), width=64, height=48)),
    ]
    frames: dict[str, int] = {}
    counted = [num_frames(path) for path in kinds]
    for number in range(NUM_VIDEOS):
        kind = 0 if number % 25 == 1 else 1 + number % 3
        name = f"{number:04d}.mp4"
        shutil.copy(kinds[kind], folder / name)
        frames[name] = counted[kind]
    for path in kinds[1:]:
        path.unlink()
    return frames


def test_five_hundred_videos_in_flat_memory(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    source, lake = tmp_path / "source", tmp_path / "lake"
    frames = _write_many(source)
    began = time.monotonic()
    with started(command("refresh", source, lake, *QUICK)) as process:
        samples = _sampled(process)
        assert process.returncode == 0
    elapsed_s = time.monotonic() - began
    quarter = len(samples) // 4
    early, late = (
        statistics.median(part) for part in (samples[quarter : 2 * quarter], samples[-quarter:])
    )
    record_property("memory_mib", (round(early), round(late), round(max(samples))))
    record_property("seconds_a_video", round(elapsed_s / NUM_VIDEOS, 3))
    assert late < 1.15 * early, (early, late)
    check_done(str(lake), frames)
    files = [path for path in (lake / "tables").rglob("*") if path.is_file()]
    assert len(files) < NUM_VIDEOS  # a commit a wave, not a video
    began = time.monotonic()
    code, summary, _ = run("refresh", source, lake, *QUICK)
    record_property("seconds_of_the_second_run", round(time.monotonic() - began, 1))
    assert (code, summary["videos"]["unchanged"]) == (0, NUM_VIDEOS)


def test_a_run_that_is_killed_again_and_again_gets_done(tmp_path: Path) -> None:
    source, lake = tmp_path / "source", tmp_path / "lake"
    frames = write_archive(source)
    for number in range(12):  # enough to do for all of them
        shutil.copy(source / "a.mp4", source / f"{number}.mp4")
        frames[f"{number}.mp4"] = frames["a.mp4"]
    dice = random.Random(4)
    for _ in range(DEATHS):
        done = receipts(lake).keys()
        steps = dice.randint(1, 8)
        with started(command("refresh", source, lake, *QUICK)) as driver:
            deadline = time.monotonic() + RUN_S
            while len(receipts(lake).keys() - done) < steps:
                assert driver.poll() is None, driver.communicate()
                assert time.monotonic() < deadline
                time.sleep(0.02)
            time.sleep(dice.random())
            below = descendants(driver.pid)
            driver.kill()
            kill(below)
            assert wait_gone(below, 20) == []
        if Lake.exists(str(lake)):
            check_whole(str(lake), frames)
    assert len(receipts(lake)) > DEATHS
    code, _, err = run("refresh", source, lake, *QUICK)
    assert code == 0, err
    check_done(str(lake), frames)
