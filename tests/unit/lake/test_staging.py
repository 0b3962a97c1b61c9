from __future__ import annotations

import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from fsp_ray.core.errors import LakeError
from fsp_ray.lake import Lake

RUN = """
import sys
from fsp_ray.lake import Lake
with Lake.open(sys.argv[1]).staging("dead") as folder:
    (folder / "summaries.npz").write_bytes(b"biometric")
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_the_folder_goes_with_the_run_even_if_it_fails(lake: Lake) -> None:
    with lake.staging("r1") as folder:
        assert folder == Path(lake.uri) / "_staging" / "r1"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "deep").mkdir()
        (folder / "deep" / "x.npz").write_bytes(b"x")
    assert not folder.exists()
    with pytest.raises(RuntimeError), lake.staging("r2") as folder:
        raise RuntimeError("worker died")
    left = {path.name for path in (Path(lake.uri) / "_staging").iterdir()}
    assert left <= {"publishing"}


def test_a_run_at_work_is_left_alone_and_a_dead_one_swept(lake: Lake) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", RUN, lake.uri],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    left = Path(lake.uri) / "_staging" / "dead"
    assert lake.collect_staging() == ()
    assert (left / "summaries.npz").exists()
    with pytest.raises(LakeError, match="at work"), lake.staging("dead"):
        pass
    assert (left / "summaries.npz").exists()
    child.send_signal(signal.SIGKILL)
    child.wait()
    with lake.staging("next") as folder:
        assert not left.exists()
        assert folder.exists()


def test_collecting_says_what_went(lake: Lake) -> None:
    (Path(lake.uri) / "_staging" / "left").mkdir(parents=True)
    assert lake.collect_staging() == ("left",)
    assert lake.collect_staging() == ()


@pytest.mark.parametrize("run", ["..", "a/b", ""])
def test_run_ids_do_not_lead_out(lake: Lake, run: str) -> None:
    with pytest.raises(LakeError), lake.staging(run):
        pass
