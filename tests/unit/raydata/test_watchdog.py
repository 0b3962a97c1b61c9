"""A worker that takes no step is ended, and what it died of is known to the next."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fsp_ray.core.beats import beat
from fsp_ray.core.errors import FailureReason, VideoError
from fsp_ray.raydata import watchdog
from fsp_ray.raydata.watchdog import Tombstone, patiently, watched
from fsp_ray.stages.staging import Staging

STALL_S = 2.0  # a busy machine lets a process wait for a while, too


def _work(folder: Path, body: Callable[[], object]) -> int:
    """Do a piece of work in a process of its own; return its exit code, below 0 for a signal."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = ERROR
    try:
        watchdog.in_worker = lambda: True
        with watched(_tombstone(folder), STALL_S):
            body()
        code = THROUGH
    except FileNotFoundError:
        code = NO_FOLDER
    finally:
        os._exit(code)


THROUGH, ENDED, ERROR, NO_FOLDER = 0, 1, 7, 8


def _loops() -> None:
    while True:
        time.sleep(0.01)


def _waits_for_a_thread() -> None:
    thread = threading.Thread(target=time.sleep, args=(60,))
    thread.start()
    thread.join()


HANGS: dict[str, Callable[[], object]] = {
    "python": _loops,
    "native": lambda: ctypes.CDLL(None).pause(),
    "native, with the GIL held": lambda: ctypes.PyDLL(None).pause(),
    "in another thread": _waits_for_a_thread,
}


def _takes_steps() -> None:
    for _ in range(30):
        time.sleep(0.1)
        beat()


def _waits_for_others() -> None:
    with patiently():
        time.sleep(3)


def _crashes() -> None:
    ctypes.string_at(0)


def _is_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _tombstone(folder: Path, run_id: str = "run") -> Tombstone:
    return Tombstone.of(Staging(folder / "video"), "analyse/s", run_id)


@pytest.mark.parametrize("hang", HANGS.values(), ids=HANGS)
def test_a_worker_that_hangs_is_ended_and_the_next_is_told(
    hang: Callable[[], object], tmp_path: Path
) -> None:
    start = time.monotonic()
    assert _work(tmp_path, hang) == ENDED
    assert STALL_S <= time.monotonic() - start < 20
    with pytest.raises(VideoError, match=r"took no step for 2 s") as caught:
        _tombstone(tmp_path).check()
    assert caught.value.reason is FailureReason.WORKER
    assert caught.value.advice


@pytest.mark.parametrize("body", [_takes_steps, _waits_for_others])
def test_a_worker_that_takes_steps_or_waits_for_others_is_left_alone(
    body: Callable[[], object], tmp_path: Path
) -> None:
    assert _work(tmp_path, body) == THROUGH
    assert not _tombstone(tmp_path).path.exists()
    _tombstone(tmp_path).check()


def test_patience_has_an_end(tmp_path: Path) -> None:
    def body() -> None:
        _waits_for_others()
        _loops()

    assert _work(tmp_path, body) == ENDED


def test_a_crash_is_tried_again_once(tmp_path: Path) -> None:
    for _ in range(2):
        _tombstone(tmp_path).check()
        assert _work(tmp_path, _crashes) == -signal.SIGSEGV
    with pytest.raises(VideoError, match=r"2 workers crashed.*: segmentation fault"):
        _tombstone(tmp_path).check()


def test_a_worker_that_is_killed_is_tried_again_twice(tmp_path: Path) -> None:
    for _ in range(3):
        _tombstone(tmp_path).check()
        assert _work(tmp_path, _is_killed) == -signal.SIGKILL
    with pytest.raises(VideoError, match="3 workers were killed") as caught:
        _tombstone(tmp_path).check()
    assert "memory" in caught.value.advice


def test_what_befell_another_run_does_not_count(tmp_path: Path) -> None:
    assert _work(tmp_path, HANGS["native"]) == ENDED
    _tombstone(tmp_path, "later").check()
    with pytest.raises(VideoError):
        _tombstone(tmp_path).check()


def test_an_error_is_no_death(tmp_path: Path) -> None:
    def body() -> None:
        raise ValueError

    assert _work(tmp_path, body) == ERROR
    assert not _tombstone(tmp_path).path.exists()


def test_a_worker_that_outlived_its_run_does_not_bring_its_staging_back(tmp_path: Path) -> None:
    assert _work(tmp_path / "run that is gone", _takes_steps) == NO_FOLDER
    assert list(tmp_path.iterdir()) == []


def test_nothing_outside_of_a_worker_is_ended(tmp_path: Path) -> None:
    assert not watchdog.in_worker()
    was = faulthandler.is_enabled()
    with watched(_tombstone(tmp_path), 0.05):
        time.sleep(0.3)
    assert faulthandler.is_enabled() == was
    assert list(tmp_path.iterdir()) == []


_HANG = """Timeout (0:05:00)!
Thread 0x00007f3e1bfff640 (most recent call first):
  File "/usr/lib/python3.11/threading.py", line 327 in wait
  File "/opt/fsp_ray/video/segment.py", line 140 in _encode_all

Thread 0x00007f3e2bfff640 (most recent call first):
  File "/usr/lib/python3.11/queue.py", line 171 in get
  File "/opt/fsp_ray/video/prefetch.py", line 52 in _consume

Thread 0x00007f3e3bfff640 (most recent call first):
  File "/opt/av/codec/context.pyx", line 9 in decode
  File "/opt/fsp_ray/video/decode.py", line 187 in decoded
  File "/opt/fsp_ray/video/prefetch.py", line 64 in _produce
"""


_CRASH = """Fatal Python error: Segmentation fault

Thread 0x00007f3e1bfff640 (most recent call first):
  File "/opt/fsp_ray/stages/timing.py", line 40 in waiting

Current thread 0x00007f3e3bfff640 (most recent call first):
  File "/opt/fsp_ray/video/decode.py", line 187 in decoded
"""


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        (f"began run\n{_HANG}", r"for 300 s at fsp_ray\.video\.decode:187, and was ended"),
        (f"began run\n{_CRASH}" * 2, r"at fsp_ray\.video\.decode:187: segmentation fault"),
    ],
    ids=["hang", "crash"],
)
def test_the_place_is_that_of_the_thread_that_crashed_or_does_not_wait(
    ends: str, said: str, tmp_path: Path
) -> None:
    tombstone = _tombstone(tmp_path)
    tombstone.path.parent.mkdir(parents=True)
    tombstone.path.write_text(ends)
    with pytest.raises(VideoError, match=said):
        tombstone.check()
