"""Workers and drivers die in mid-run: nothing is lost, doubled, half published or left behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from fsp_ray.core.config import RunSettings
from fsp_ray.core.progress import Progress
from fsp_ray.lake import Lake
from fsp_ray.raydata import RunRequest, anonymize
from tests.fakes.media import Clip, write_clip
from tests.fakes.processes import command, descendants, kill, wait_gone
from tests.fakes.samples import carphone

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(280)]

PHASES = {"analyse", "rehearse", "render"}
NAMES = ("a.mp4", "sub/b.mp4", "carphone.mp4")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "sub").mkdir(parents=True)
    shutil.copy(carphone(), folder / "carphone.mp4")
    write_clip(folder / "a.mp4", Clip(audio="aac"))
    write_clip(folder / "sub" / "b.mp4", Clip(b_frames=2))
    return folder


def _num_frames(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def _check_lake(lake: Path, source: Path) -> None:
    rows = Lake.open(str(lake)).query("select source_uri, status, num_frames from videos")
    by_uri = {row["source_uri"]: row for row in rows.to_pylist()}
    assert len(by_uri) == rows.num_rows == len(NAMES)
    for name in NAMES:
        row = by_uri[str(source / name)]
        frames = _num_frames(source / name)
        assert (row["status"], row["num_frames"]) == ("published", frames)
        assert _num_frames(lake / "videos" / name) == frames
    files = {p.relative_to(lake / "videos").as_posix() for p in _files(lake / "videos")}
    assert files == set(NAMES) | {f"{name}.json" for name in NAMES}  # with their certificates
    assert _files(lake / "_staging") == []


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


class Assassin:
    """Kills one worker of each phase as soon as the phase has got somewhere."""

    def __init__(self) -> None:
        self.killed: dict[str, int] = {}

    def __call__(self, progress: Progress) -> None:
        if progress.phase not in PHASES or progress.frames_done == 0:
            return
        if progress.phase in self.killed:
            return
        workers = [p for p in descendants(os.getpid()) if "ray::MapWorker" in command(p)]
        if workers:
            kill(workers[:1])
            self.killed[progress.phase] = workers[0]


def test_a_killed_worker_costs_nothing_but_time(source: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    assassin = Assassin()
    settings = RunSettings(shard_frames=12, preset="ultrafast")
    request = RunRequest(str(source), str(lake), settings, workers=2)
    summary = anonymize(request, assassin)
    assert set(assassin.killed) == PHASES
    assert not any(command(pid) for pid in assassin.killed.values())
    assert summary.videos["published"] == len(NAMES)
    assert summary.problems == ()
    _check_lake(lake, source)
    tracks = Lake.open(str(lake)).query(
        "select sum(t.num_frames) n, count(*) - count(distinct t.track_id) twice from tracks t"
    )
    assert tracks["twice"].to_pylist() == [0]
    assert tracks["n"].to_pylist() == [summary.faces]


@pytest.fixture
def driver(source: Path, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(_job(source, tmp_path / "lake"), stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        below = descendants(process.pid)
        process.kill()
        process.wait()
        kill(below)


def _job(source: Path, lake: Path) -> list[str]:
    words = ["anonymize", str(source), str(lake), "--replace", "cover", "--workers", "2"]
    return [sys.executable, "-m", "fsp_ray.cli.main", *words]


def _wait_for_segment(lake: Path, driver: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 150  # a busy machine is slow to start Ray
    while not list((lake / "_staging").glob("*/*/segments/*.mkv")):
        assert driver.poll() is None, "the driver ended before it was killed"
        assert time.monotonic() < deadline, "no segment was ever rendered"
        time.sleep(0.02)


def test_a_killed_driver_leaves_nothing_half_done(
    source: Path, tmp_path: Path, driver: subprocess.Popen[bytes]
) -> None:
    lake = tmp_path / "lake"
    _wait_for_segment(lake, driver)
    below = descendants(driver.pid)
    driver.kill()
    driver.wait()
    for path in (lake / "videos").rglob("*.mp4"):  # whole, or not there
        assert _num_frames(path) == _num_frames(source / path.relative_to(lake / "videos"))
    kill(below)  # Ray's agents would linger for half a minute
    assert wait_gone(below, 10) == []
    assert Lake.open(str(lake)).query("select * from videos").num_rows == 0
    assert _files(lake / "_staging") != []
    request = RunRequest(str(source), str(lake), RunSettings(replace="cover"), workers=2)
    again = anonymize(request, lambda _: None)
    assert again.videos["published"] == len(NAMES)
    _check_lake(lake, source)
