"""An archive of tiny clips, and runs of the real command over it, each in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.fakes.media import Clip, write_clip
from tests.fakes.processes import descendants, kill
from tests.fakes.samples import carphone
from tests.faults.invariants import num_frames

# One worker: a second takes as long to start as it has work, and what dies or fails is not that.
QUICK = ("--replace", "cover", "--workers", "1", "--json")
RUN_S = 240


def write_archive(folder: Path) -> dict[str, int]:
    """Write three clips, one of them with a face; return their frames by path."""
    (folder / "sub").mkdir(parents=True)
    shutil.copy(carphone(), folder / "carphone.mp4")
    write_clip(folder / "a.mp4", Clip(audio="aac"))
    write_clip(folder / "sub" / "b.mp4", Clip(b_frames=2))
    paths = (path for path in folder.rglob("*.mp4"))
    return {path.relative_to(folder).as_posix(): num_frames(path) for path in paths}


def command(*words: object) -> list[str]:
    """Return the words of a command of `fsp`, for a process of its own."""
    return [sys.executable, "-m", "fsp_ray.cli.main", *map(str, words)]


@contextmanager
def started(
    words: Sequence[str], environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Start a process; it is ended, with all below it, at the end of the block."""
    process = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    try:
        yield process
    finally:
        below = descendants(process.pid)
        process.kill()
        process.communicate()
        kill(below)


def finished(process: subprocess.Popen[str]) -> tuple[int, dict[str, Any], str]:
    """Wait for a run to end; return its exit code, its summary, and what it said on stderr."""
    out, err = process.communicate(timeout=RUN_S)
    return process.returncode, json.loads(out) if out else {}, err


def run(
    *words: object, environment: Mapping[str, str] | None = None
) -> tuple[int, dict[str, Any], str]:
    """Run a command to its end; as `finished`."""
    with started(command(*words), environment) as process:
        return finished(process)


def receipts(lake: Path) -> dict[str, int]:
    """Return when each receipt was written that lies in a lake's staging, by video and name."""
    found: dict[str, int] = {}
    for path in lake.glob("_staging/*/*/receipts/*.json"):
        with suppress(FileNotFoundError):  # handed on, or done, since it was listed
            found[f"{path.parts[-3]}/{path.name}"] = path.stat().st_mtime_ns
    return found
