"""Speed and memory on given clips: this project, deface (which only blurs), and the floor.

All three are measured in one run, in turn, round by round: shared machines drift by the minute,
so that figures of different runs can't be compared, and the ratio of medians can.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from fsp_ray.core.config import RunSettings
from fsp_ray.core.errors import SettingsError
from fsp_ray.lake import list_source
from fsp_ray.report.processes import MeasureError, Usage, measure
from fsp_ray.video import SegmentWriter, decode, mux, probe

TIMEOUT_S = 3600.0


@dataclass(frozen=True, slots=True)
class Measured:
    """Medians over the rounds for one clip and one contender.

    Attributes:
        frames: frames of the clip.
        wall_s, start_s: whole process, and the part of it that a clip of one frame takes too.
        peak_bytes: highest over the rounds.
        seconds_by_stage: worker seconds, where the contender tells.
    """

    clip: str
    contender: str
    frames: int
    wall_s: float
    start_s: float
    peak_bytes: int
    seconds_by_stage: Mapping[str, float] = field(default_factory=dict)

    @property
    def frames_per_s(self) -> float:
        """Frames a second, start-up not counted."""
        return self.frames / max(self.wall_s - self.start_s, 1e-9)


Contender = Callable[[Path, Path], Usage]
"""Does one clip: (clip, empty folder to work in) -> what it took."""


def ours(clip: Path, work: Path) -> Usage:
    """`fsp anonymize`, a process of its own."""
    program = [sys.executable, "-m", "fsp_ray.cli.main"]
    command = [*program, "anonymize", str(clip), str(work / "lake"), "--json"]
    return measure(command, timeout_s=TIMEOUT_S)


def deface(clip: Path, work: Path) -> Usage:
    """`deface` as it comes: a detection and a blur a frame, nothing else."""
    program = Path(sys.executable).with_name("deface")
    if not program.is_file():
        raise SettingsError("deface is not installed beside this Python.")
    command = [str(program), str(clip), "--output", str(work / "out.mp4")]
    return measure(command, timeout_s=TIMEOUT_S)


def floor(clip: Path, work: Path) -> Usage:
    """Decode twice and encode once: what any two-pass job must do."""
    program = [sys.executable, "-m", "fsp_ray.report.floor"]
    return measure([*program, str(clip), str(work / "out.mkv")], timeout_s=TIMEOUT_S)


CONTENDERS: Mapping[str, Contender] = {"fsp_ray": ours, "deface": deface, "floor": floor}
_NAMES = ", ".join(CONTENDERS)


def bench(
    clips: Sequence[Path],
    *,
    rounds: int,
    contenders: Sequence[str] = tuple(CONTENDERS),
    tell: Callable[[str], None],
) -> list[Measured]:
    """Measure every clip with every contender.

    Args:
        clips: video files.
        rounds: of all contenders in turn; medians are returned.
        contenders: names out of CONTENDERS.
        tell: gets a line before each measurement.

    Raises:
        SettingsError: an unknown contender.
        VideoError: a clip can't be read.
        MeasureError: a contender failed.
    """
    if unknown := set(contenders) - set(CONTENDERS):
        raise SettingsError(f"Unknown: {', '.join(unknown)}.", advice=f"Say {_NAMES}.")
    measured: list[Measured] = []
    for clip in clips:
        with tempfile.TemporaryDirectory(prefix="fsp-bench-") as folder:
            tiny = Path(folder) / clip.name
            frames = first_frame(clip, tiny)
            runs: dict[str, list[tuple[Usage, Usage]]] = {name: [] for name in contenders}
            for number in range(rounds):
                for name in contenders:
                    tell(f"{clip.name}: {name}, round {number + 1} of {rounds}")
                    runs[name].append((_once(name, clip), _once(name, tiny)))
        measured.extend(_median(clip.name, name, frames, runs[name]) for name in contenders)
    return measured


def first_frame(clip: Path, out: Path) -> int:
    """Write a clip of a clip's first frame, and return how many frames the clip has."""
    settings = RunSettings()
    media = list_source(str(clip))[0].media
    info = probe(media, video_id="bench", limits=settings.limits)
    batch = next(decode(media, info, batch_frames=1))
    segment = out.with_suffix(".mkv")
    with SegmentWriter(segment, info, crf=settings.crf, preset=settings.preset) as writer:
        writer.write(batch)
    mux([segment], media, replace(info, num_frames=1), out, audio="drop")
    segment.unlink()
    return info.num_frames


def _once(name: str, clip: Path) -> Usage:
    with tempfile.TemporaryDirectory(prefix="fsp-bench-") as work:
        return CONTENDERS[name](clip, Path(work))


def _median(clip: str, name: str, frames: int, runs: Sequence[tuple[Usage, Usage]]) -> Measured:
    middle = sorted(runs, key=lambda run: run[0].wall_s)[len(runs) // 2][0]
    return Measured(
        clip=clip,
        contender=name,
        frames=frames,
        wall_s=statistics.median(whole.wall_s for whole, _ in runs),
        start_s=statistics.median(tiny.wall_s for _, tiny in runs),
        peak_bytes=max(whole.peak_bytes for whole, _ in runs),
        seconds_by_stage=_stages(name, middle),
    )


def _stages(name: str, usage: Usage) -> dict[str, float]:
    if name != "fsp_ray":
        return {}
    summary = json.loads(usage.stdout)
    if summary["videos"]["published"] != 1:
        raise MeasureError(f"The clip was not published: {summary['problems']}.")
    return summary["seconds_by_stage"]
