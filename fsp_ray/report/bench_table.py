"""The bench's figures as Markdown and JSON."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from fsp_ray.report.bench import Measured

_COLUMNS = (
    *("clip", "videos", "frames", "contender", "frames/s", "of deface"),
    *("whole s", "start-up s", "CPU s", "start-up CPU s", "peak GiB"),
)


def machine() -> dict[str, object]:
    """Return what the figures were taken on."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def as_json(measured: Sequence[Measured]) -> dict[str, object]:
    """Return everything, JSON-able."""
    rows = [
        {
            **asdict(row),
            "frames_per_s": round(row.frames_per_s, 2),
            "work_cpu_s": round(row.work_cpu_s, 2),
        }
        for row in measured
    ]
    return {"machine": machine(), "measured": rows}


def as_markdown(measured: Sequence[Measured]) -> str:
    """Return the tables: speed and memory, and where the time of ours goes."""
    lines = [
        f"| {' | '.join(_COLUMNS)} |",
        "|---" * len(_COLUMNS) + "|",
    ]
    deface = {row.clip: row.frames_per_s for row in measured if row.contender == "deface"}
    for row in measured:
        ratio = f"{row.frames_per_s / deface[row.clip]:.1f}x" if row.clip in deface else ""
        lines.append(
            f"| {row.clip} | {row.videos} | {row.frames} | {row.contender} "
            f"| {row.frames_per_s:.1f} | {ratio} | {row.wall_s:.1f} | {row.start_s:.1f} "
            f"| {row.cpu_s:.1f} | {row.start_cpu_s:.1f} | {row.peak_bytes / 2**30:.2f} |"
        )
    ours = [row for row in measured if row.seconds_by_stage]
    parts = sorted({part for row in ours for part in row.seconds_by_stage})
    lines += ["", "Worker milliseconds a frame:", ""]
    lines += [f"| clip | contender | {' | '.join(parts)} |", "|---" * (len(parts) + 2) + "|"]
    for row in ours:
        cells = [f"{1000 * row.seconds_by_stage.get(p, 0) / row.frames:.1f}" for p in parts]
        lines.append(f"| {row.clip} | {row.contender} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
