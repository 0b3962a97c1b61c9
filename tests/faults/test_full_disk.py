"""The disk is full while a run stages: rows say so, and the next run does the rest."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.s3_servers import seaweedfs
from tests.faults import full_disk
from tests.faults.invariants import check_done
from tests.faults.runs import QUICK, RUN_S, command, write_archive

pytestmark = [pytest.mark.ray, pytest.mark.faults, pytest.mark.timeout(280)]


@dataclass(frozen=True)
class Run:
    """What a process said and how it ended."""

    code: int
    out: str
    err: str


NAMESPACE = ("unshare", "--map-root-user", "--mount")


@pytest.fixture(autouse=True)
def mounts() -> None:
    """A disk of a known size needs a mount, in a namespace that not every system gives."""
    asked = subprocess.run(
        [*NAMESPACE, "true"], capture_output=True, text=True, timeout=60, check=False
    )
    if asked.returncode:
        pytest.skip(f"no mount namespace here: {asked.stderr.strip()}")


def _on_small_disk(folder: Path, small: str, *words: object) -> tuple[Run, Run]:
    """Run a command twice: on a disk of a size, and when it has become large."""
    script = [sys.executable, full_disk.__file__, str(folder), small, "500m"]
    done = subprocess.run(
        [*NAMESPACE, *script, *command(*words)],
        capture_output=True,
        text=True,
        timeout=RUN_S,
        check=True,
    )
    first, second = (Run(**said) for said in json.loads(done.stdout))
    folder.rmdir()
    folder.with_name(folder.name + ".copy").rename(folder)
    return first, second


@pytest.mark.faults_long
def test_a_full_lake_ends_the_run_and_the_rest_is_done_later(tmp_path: Path) -> None:
    source, lake = tmp_path / "source", tmp_path / "lake"
    frames = write_archive(source)
    first, second = _on_small_disk(lake, "1500k", "refresh", source, lake, *QUICK)
    assert first.code in (1, 3)
    assert "space" in first.err
    assert second.code == 0, second.err
    check_done(str(lake), frames)


def test_a_full_staging_costs_those_that_find_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, staging = tmp_path / "source", tmp_path / "staging"
    frames = write_archive(source)
    with seaweedfs() as server:
        server.use(monkeypatch)
        monkeypatch.setenv("FSP_STAGING", str(staging))
        lake = server.make_bucket("lake") + "/lake"
        first, second = _on_small_disk(staging, "1m", "refresh", source, lake, *QUICK)
        assert first.code == 3, first.err
        (problem,) = json.loads(first.out)["problems"]
        assert problem["path"] == "carphone.mp4"  # of half a thousand frames with a face
        assert "No space is left for staging" in problem["reason"]
        assert second.code == 0, second.err
        check_done(lake, frames)
        assert [path for path in staging.rglob("*") if path.is_file()] == []
