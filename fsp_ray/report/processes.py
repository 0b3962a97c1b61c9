"""Run a command and watch what it and all of its children take (Linux)."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fsp_ray.core.errors import FspError

_PROC: Final = Path("/proc")
_PSS_KIB: Final = re.compile(rb"^Pss:\s+(\d+) kB", re.MULTILINE)
SAMPLE_S: Final = 0.5


class MeasureError(FspError):
    """A measured command failed, or took too long."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a command took.

    Attributes:
        wall_s: from start to end.
        peak_bytes: highest sum of the proportional set sizes (PSS: shared pages counted once) of
            the process and its descendants, sampled twice a second.
        stdout: what it printed.
    """

    wall_s: float
    peak_bytes: int
    stdout: str


def measure(
    command: Sequence[str], *, timeout_s: float, env: Mapping[str, str] | None = None
) -> Usage:
    """Run a command to its end.

    Raises:
        MeasureError: it failed (its last words are quoted), or ran longer than `timeout_s`.
    """
    started = time.monotonic()
    peak = 0
    with subprocess.Popen(  # noqa: S603 - the caller's own command
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(env or {})},
    ) as process:
        try:
            while True:
                try:
                    stdout, stderr = process.communicate(timeout=SAMPLE_S)
                    break
                except subprocess.TimeoutExpired:
                    peak = max(peak, tree_bytes(process.pid))
                    if time.monotonic() - started > timeout_s:
                        raise MeasureError(
                            f"{command[0]} ran longer than {timeout_s:.0f} s."
                        ) from None
        finally:
            process.kill()
    if process.returncode not in (0, 3):
        raise MeasureError(f"{command[0]} failed ({process.returncode}): {stderr.strip()[-400:]}")
    return Usage(time.monotonic() - started, peak, stdout)


def tree_bytes(pid: int) -> int:
    """Return the memory of a process and its descendants, as a sum of PSS."""
    return sum(_pss_bytes(member) for member in _tree(pid))


def _tree(pid: int) -> Iterator[int]:
    """Yield a process and its descendants, by the parent named in /proc/PID/stat."""
    children: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and (parent := _parent(entry)) is not None:
            children.setdefault(parent, []).append(int(entry.name))
    waiting = [pid]
    while waiting:
        member = waiting.pop()
        yield member
        waiting.extend(children.get(member, ()))


def _parent(entry: Path) -> int | None:
    try:
        stat = (entry / "stat").read_bytes()
    except OSError:  # it has ended
        return None
    return int(stat.rpartition(b")")[2].split()[1])  # after the name, which may hold spaces


def _pss_bytes(pid: int) -> int:
    try:
        text = (_PROC / str(pid) / "smaps_rollup").read_bytes()
    except OSError:  # it has ended, or is not ours
        return 0
    found = _PSS_KIB.search(text)
    return int(found.group(1)) * 1024 if found else 0
