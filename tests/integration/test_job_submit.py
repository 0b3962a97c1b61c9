"""`ray job submit` to a head that asks for a token, as an operator does it."""

from __future__ import annotations

import json
import re
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.media import Clip, write_clip
from tests.fakes.processes import command, descendants
from tests.fakes.ray_head import RayHead, ray_head
from tests.faults.invariants import check_done, rows_of

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(900)]

FRAMES = {"a.mp4": 24, "sub/b.mp4": 12}
COVER = ("--replace", "cover", "--workers", "2")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass
class Submitted:
    """One `ray job submit` that has ended, and what Ray says of the job."""

    code: int
    log: str
    status: str = ""
    message: str = ""
    rays: int = 0
    metrics: frozenset[str] = frozenset()


@dataclass
class Story:
    """Jobs submitted one after the other, to one head, for one lake."""

    head: RayHead
    source: Path
    lake: Path

    def job(self, script: str, *options: str) -> Submitted:
        return self.run("python", script, str(self.source), str(self.lake), *options)

    def run(self, *entrypoint: str) -> Submitted:
        watch = _Watch(self.head)
        with watch:
            done = self.head.submit(*entrypoint, token=self.head.token_file)
        log = _COLOUR.sub("", done.stdout)
        said = re.search(r"Job '(\w+)' submitted", log)
        assert said, log
        told = self.head.get(f"/api/jobs/{said[1]}")
        return Submitted(
            done.returncode,
            log,
            told["status"],
            told["message"] or "",
            watch.most_rays,
            frozenset(watch.metrics),
        )


class _Watch(threading.Thread):
    """Looks at a head while a job runs.

    It counts the Rays below it, by their one server that never forks: a job that starts a Ray of
    its own makes a second. It collects
    the names of what Prometheus would be told.
    """

    def __init__(self, head: RayHead) -> None:
        super().__init__(daemon=True)
        self._head, self._over = head, threading.Event()
        self.most_rays = 0
        self.metrics: set[str] = set()

    def run(self) -> None:
        while not self._over.wait(0.5):
            names = [command(pid).partition(" ")[0] for pid in descendants(self._head.pid)]
            now = sum(name.endswith("/gcs_server") for name in names)
            self.most_rays = max(self.most_rays, now)
            self.metrics |= self._head.metric_names()

    def __enter__(self) -> _Watch:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()


@pytest.fixture(scope="module")
def head() -> Iterator[RayHead]:
    with ray_head() as running:
        yield running


@pytest.fixture(scope="module")
def story(head: RayHead, tmp_path_factory: pytest.TempPathFactory) -> Story:
    source = tmp_path_factory.mktemp("job") / "source"
    (source / "sub").mkdir(parents=True)
    for path, num_frames in FRAMES.items():
        write_clip(source / path, Clip(pts=tuple(range(num_frames))))
    return Story(head, source, source.parent / "lake")


@pytest.fixture(scope="module")
def first(story: Story) -> Submitted:
    return story.job("jobs/anonymize.py", *COVER)


@pytest.fixture(scope="module")
def package(story: Story) -> dict[str, Any]:
    """What a job finds where it runs."""
    script = (
        "import json, os, fsp_ray\n"
        "files = [os.path.relpath(os.path.join(d, f)) for d, _, fs in os.walk('.') for f in fs]\n"
        "size = sum(map(os.path.getsize, files))\n"
        "print('FOUND', json.dumps([files, size, os.path.relpath(fsp_ray.__file__)]))\n"
    )
    done = story.run("python", "-c", script)
    (found,) = re.findall(r"^FOUND (.*)$", done.log, re.MULTILINE)
    files, size, imported = json.loads(found)
    return {"files": files, "bytes": size, "imported": imported}


def test_without_the_token_it_is_refused(head: RayHead) -> None:
    done = head.submit("python", "jobs/anonymize.py", "--help")
    assert done.returncode != 0
    assert "Missing authentication token" in done.stdout
    assert head.get("/api/jobs/") == []


def test_with_a_wrong_token_it_is_refused(head: RayHead, tmp_path: Path) -> None:
    wrong = tmp_path / "token"
    wrong.write_text("0" * 64, "ascii")
    done = head.submit("python", "jobs/anonymize.py", "--help", token=wrong)
    assert done.returncode != 0
    assert "Invalid authentication token" in done.stdout


def test_nobody_else_can_read_the_token(head: RayHead) -> None:
    assert stat.S_IMODE(head.token_file.stat().st_mode) == 0o600


def test_a_job_does_the_archive_on_the_ray_that_runs_it(story: Story, first: Submitted) -> None:
    assert (first.code, first.status) == (0, "SUCCEEDED"), first.log
    assert first.rays == 1
    check_done(str(story.lake), FRAMES)


def test_its_log_holds_progress_and_summary_and_no_token(story: Story, first: Submitted) -> None:
    assert re.search(r"^\[\d+ s\] starting .*2 videos to do$", first.log, re.MULTILINE)
    assert re.search(r"^\[.*\] done  2/2 videos", first.log, re.MULTILINE)
    assert "Videos: 2 published, 0 unchanged, 0 quarantined, 0 failed." in first.log
    assert story.head.token_file.read_text("ascii") not in first.log


def test_a_refresh_after_it_changes_nothing(story: Story, first: Submitted) -> None:
    before = rows_of(str(story.lake))
    for _ in range(2):
        again = story.job("jobs/refresh.py", *COVER)
        assert (again.code, again.status) == (0, "SUCCEEDED"), again.log
        assert "0 published, 2 unchanged" in again.log
    assert rows_of(str(story.lake)) == before


def test_prometheus_is_told_what_the_dashboard_asks_for(first: Submitted) -> None:
    assert {"ray_fsp_frames_total", "ray_fsp_stage_seconds_total"} <= first.metrics
    assert "ray_fsp_shard_seconds_bucket" in first.metrics
    assert {"ray_node_cpu_utilization", "ray_node_mem_used"} <= first.metrics
    assert "ray_object_store_memory" in first.metrics


def test_a_job_that_leaves_a_video_undone_failed_and_says_why(
    story: Story, first: Submitted
) -> None:
    (story.source / "letter.mp4").write_text("This is a letter, not a video.\n" * 40, "utf-8")
    done = story.job("jobs/anonymize.py", *COVER)
    assert (done.code, done.status) == (1, "FAILED"), done.log
    assert "exit code 3" in done.message
    last = done.message.strip().splitlines()[-1]
    assert last == "Exit code 3: finished, with the problems listed above."
    assert "letter.mp4" in done.message
    check_done(str(story.lake), {**FRAMES, "letter.mp4": 0}, unpublished={"letter.mp4"})


def test_a_lake_is_maintained_by_a_job(story: Story, first: Submitted) -> None:
    done = story.run("python", "jobs/maintain.py", str(story.lake))
    assert (done.code, done.status) == (0, "SUCCEEDED"), done.log
    assert "Exit code" not in done.log


def test_a_job_carries_its_code_and_nothing_else(package: dict[str, Any]) -> None:
    files = package["files"]
    for needed in ("jobs/refresh.py", "fsp_ray/cli/main.py", "fsp_ray/models/packs/open.toml"):
        assert needed in files
    tops = {path.partition("/")[0] for path in files}
    assert tops <= {"fsp_ray", "jobs", "pyproject.toml", "LICENSE", ".gitignore", ".rayignore"}
    assert package["bytes"] < 30 << 20  # Ray refuses 500 MiB; each submit sends what changed


def test_a_job_runs_the_code_that_it_carries(package: dict[str, Any]) -> None:
    assert package["imported"] == "fsp_ray/__init__.py"
