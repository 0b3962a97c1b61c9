"""The driver is killed in mid-run: the next run goes on where it was."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from fsp_ray.core.config import RunSettings
from fsp_ray.core.progress import Progress
from fsp_ray.raydata import RunRequest, anonymize
from tests.fakes.processes import descendants, kill, wait_gone
from tests.faults.invariants import check_done, check_whole
from tests.faults.runs import QUICK, RUN_S, command, receipts, started, write_archive

pytestmark = [pytest.mark.ray, pytest.mark.faults, pytest.mark.timeout(280)]


class Watch:
    """Sees every receipt that lies in staging whenever the run says how far it is."""

    def __init__(self, lake: Path) -> None:
        self._lake = lake
        self.seen: dict[str, set[int]] = {}

    def __call__(self, progress: Progress) -> None:
        for name, written_ns in receipts(self._lake).items():
            self.seen.setdefault(name, set()).add(written_ns)


@pytest.mark.parametrize(
    "phase", [pytest.param("analyse", marks=pytest.mark.faults_long), "render"]
)
def test_the_next_run_goes_on_where_a_killed_one_was(phase: str, tmp_path: Path) -> None:
    source, lake = tmp_path / "source", tmp_path / "lake"
    frames = write_archive(source)
    with started(command("refresh", source, lake, *QUICK)) as driver:
        deadline = time.monotonic() + RUN_S
        while not any(f"/{phase}-" in name for name in receipts(lake)):
            assert driver.poll() is None, driver.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.02)
        below = descendants(driver.pid)
        driver.kill()
        driver.wait()
        kill(below)  # Ray's agents would linger for half a minute
        assert wait_gone(below, 10) == []
    check_whole(str(lake), frames)
    left = receipts(lake)
    assert any(f"/{phase}-" in name for name in left)
    watch = Watch(lake)
    settings = RunSettings(replace="cover")
    summary = anonymize(RunRequest(str(source), str(lake), settings, workers=1), watch)
    assert summary.videos == {"unchanged": 0, "published": len(frames)}
    check_done(str(lake), frames)
    for name, written_ns in left.items():  # not one of them was made again
        assert watch.seen[name] == {written_ns}, name
    assert len(watch.seen) > len(left)
