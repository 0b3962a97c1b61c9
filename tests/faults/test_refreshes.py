"""Two runs at once on one lake, and a machine whose clock is wrong."""

from __future__ import annotations

import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from fsp_ray.lake import Lake
from tests.faults.invariants import check_done, rows_of
from tests.faults.runs import QUICK, RUN_S, command, finished, run, started, write_archive

pytestmark = [pytest.mark.ray, pytest.mark.faults, pytest.mark.timeout(280)]


def _at_work(lake: Path, seconds: float = RUN_S) -> None:
    """Wait until a run holds the lake and stages something."""
    deadline = time.monotonic() + seconds
    while not list(lake.glob("_staging/*/*/receipts/*.json")):
        assert time.monotonic() < deadline, "no run ever began"
        time.sleep(0.05)


def _wrong_clock(seconds: int) -> dict[str, str]:
    """Return the environment of a machine whose clock is wrong; what a file server dates is not."""
    spec = find_spec("libfaketime")
    assert spec is not None
    assert spec.origin is not None
    (library,) = Path(spec.origin).parent.rglob("libfaketime.so.1")
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME": f"{seconds:+d}s",
        "DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }


def test_of_two_at_once_the_second_leaves_or_waits(tmp_path: Path) -> None:
    source, lake = tmp_path / "source", tmp_path / "lake"
    frames = write_archive(source)
    words = ("refresh", source, lake, *QUICK)
    with started(command(*words)) as one:
        _at_work(lake)
        with started(command(*words, "--wait", RUN_S)) as two:
            code, summary, err = run(*words, "--wait", "0")
            assert (code, summary) == (75, {})
            assert "is at work on" in err
            codes, summaries, errs = zip(finished(one), finished(two), strict=True)
    assert codes == (0, 0), errs
    published = [summary["videos"]["published"] for summary in summaries]
    unchanged = [summary["videos"]["unchanged"] for summary in summaries]
    assert (published, unchanged) == ([len(frames), 0], [0, len(frames)])
    check_done(str(lake), frames)
    assert Lake.open(str(lake)).query("FROM runs").num_rows == 1


@pytest.mark.parametrize("wrong_s", [pytest.param(-3600, marks=pytest.mark.faults_long), 3600])
def test_a_clock_that_is_an_hour_off_changes_nothing(wrong_s: int, tmp_path: Path) -> None:
    source, lake = tmp_path / "source", tmp_path / "lake"
    frames = write_archive(source)
    clock = _wrong_clock(wrong_s)
    words = ("refresh", source, lake, *QUICK, "--wait", "0")
    with started(command(*words)) as one:
        _at_work(lake)
        code, _, err = run(*words, environment=clock)
        assert code == 75, err  # the lease of a run that lives has not expired for anybody
        assert finished(one)[0] == 0
    (source / "a.mp4").write_bytes((source / "sub" / "b.mp4").read_bytes())
    frames["a.mp4"] = frames["sub/b.mp4"]
    code, summary, err = run(*words, environment=clock)
    assert (code, summary["videos"]["published"]) == (0, 1), err
    check_done(str(lake), frames)
    before = rows_of(str(lake))
    code, summary, err = run(*words)
    assert (code, summary["videos"]["unchanged"]) == (0, len(frames)), err
    assert rows_of(str(lake)) == before
