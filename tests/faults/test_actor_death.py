"""Workers are killed in mid-run, one in each phase: nothing is lost, doubled or left behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fsp_ray.core.config import RunSettings
from fsp_ray.core.progress import Progress
from fsp_ray.lake import Lake
from fsp_ray.raydata import RunRequest, anonymize
from tests.fakes.processes import command, descendants, kill
from tests.faults.invariants import check_done, rows_of
from tests.faults.runs import write_archive

pytestmark = [pytest.mark.ray, pytest.mark.faults, pytest.mark.timeout(290)]

PHASES = {"analyse", "rehearse", "render"}


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


def test_a_killed_worker_costs_nothing_but_time(tmp_path: Path) -> None:
    source, lake = tmp_path / "source", str(tmp_path / "lake")
    frames = write_archive(source)
    assassin = Assassin()
    request = RunRequest(
        str(source),
        lake,
        RunSettings(replace="cover", shard_frames=12, preset="ultrafast"),
        workers=2,
    )
    summary = anonymize(request, assassin)
    assert set(assassin.killed) == PHASES
    assert not any(command(pid) for pid in assassin.killed.values())
    assert summary.videos["published"] == len(frames)
    assert summary.problems == ()
    check_done(lake, frames)
    tracks = Lake.open(lake).query(
        "select sum(t.num_frames) n, count(*) - count(distinct t.track_id) twice from tracks t"
    )
    assert tracks["twice"].to_pylist() == [0]
    assert tracks["n"].to_pylist() == [summary.faces]
    before = rows_of(lake)
    again = anonymize(request, lambda _: None)
    assert again.videos == {"unchanged": len(frames)}
    assert rows_of(lake) == before
