from __future__ import annotations

import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from fsp_ray.core.errors import LakeError
from fsp_ray.lake import Lake
from fsp_ray.lake.staging import stage_video

RUN = """
import sys
from fsp_ray.lake import Lake
from fsp_ray.lake.staging import stage_video
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


def leave(lake: Lake, run: str, video: str, *, of: str, names: tuple[str, ...]) -> None:
    """Leave what a run that was killed in mid-video leaves."""
    folder = Path(lake.uri) / "_staging" / run
    folder.mkdir(parents=True, exist_ok=True)
    stage_video(folder, video, of)
    for name in names:
        (folder / video / "receipts").mkdir(exist_ok=True)
        (folder / video / "receipts" / name).write_bytes(b"x")


def staged(folder: Path) -> set[str]:
    found = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    return {name for name in found if not name.endswith("origin.json")}


def test_the_next_run_goes_on_where_a_dead_one_was(lake: Lake) -> None:
    leave(lake, "dead", "v1", of="same", names=("a", "b"))
    leave(lake, "dead", "v2", of="before the file was changed", names=("a",))
    leave(lake, "dead", "v3", of="not asked for any more", names=("a",))
    (Path(lake.uri) / "_staging" / "dead" / "v1" / ".1234.half").write_bytes(b"half")
    wanted = {"v1": "same", "v2": "as it is now", "v4": "new"}
    with lake.staging("next", wanted) as folder:
        assert staged(folder) == {"v1/receipts/a", "v1/receipts/b"}
        assert not (folder.parent / "dead").exists()
        stage_video(folder, "v1", "same")  # says nothing new
    assert staged(Path(lake.uri) / "_staging") == set()


def test_what_kills_every_run_is_not_handed_on_for_ever(lake: Lake) -> None:
    leave(lake, "first", "v1", of="same", names=("a",))
    root = Path(lake.uri) / "_staging"
    with lake.staging("second", {"v1": "same"}) as folder:
        # It dies without a step forward; so does whoever takes over from it.
        (folder / "v1" / "tombstones").mkdir()
        (folder / "v1" / "tombstones" / "render-s0").write_bytes(b"died of it")
        shutil.copytree(folder, root / "third")
    assert staged(root) == {"third/v1/receipts/a", "third/v1/tombstones/render-s0"}
    with lake.staging("fourth", {"v1": "same"}) as folder:
        assert staged(folder) == set()
    # A step forward, and it is handed on.
    leave(lake, "fifth", "v1", of="same", names=("a",))
    with lake.staging("sixth", {"v1": "same"}) as folder:
        (folder / "v1" / "receipts" / "b").write_bytes(b"x")
        shutil.copytree(folder, root / "seventh")
    with lake.staging("eighth", {"v1": "same"}) as folder:
        assert staged(folder) == {"v1/receipts/a", "v1/receipts/b"}
