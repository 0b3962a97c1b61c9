"""Speed and memory on given videos: this project, deface (which only blurs), and the floor.

All are measured in one run, in turn, round by round: shared machines drift by the minute,
so that figures of different runs can't be compared, and the ratio of medians can.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from fsp_ray.core.config import RunSettings
from fsp_ray.core.errors import SettingsError
from fsp_ray.core.protocols import MediaSource
from fsp_ray.lake import list_source
from fsp_ray.report.processes import MeasureError, Usage, measure
from fsp_ray.video import SegmentWriter, decode, mux, probe

TIMEOUT_S = 3600.0


@dataclass(frozen=True, slots=True)
class Measured:
    """Medians over the rounds for one clip, or one folder of clips, and one contender.

    Attributes:
        videos, frames: how many the clip or the folder has.
        wall_s, start_s: whole process, and the part of it that a clip of one frame takes too.
        cpu_s, start_cpu_s: the same of processor time, of all processes.
        peak_bytes: highest over the rounds.
        seconds_by_stage: worker seconds, where the contender tells.
    """

    clip: str
    contender: str
    videos: int
    frames: int
    wall_s: float
    start_s: float
    cpu_s: float
    start_cpu_s: float
    peak_bytes: int
    seconds_by_stage: Mapping[str, float] = field(default_factory=dict)

    @property
    def frames_per_s(self) -> float:
        """Frames a second, start-up not counted."""
        return self.frames / max(self.wall_s - self.start_s, 1e-9)

    @property
    def work_cpu_s(self) -> float:
        """Processor time, start-up not counted."""
        return max(self.cpu_s - self.start_cpu_s, 0.0)


Contender = Callable[[Path, Path], Usage]
"""Does one clip or folder: (its path, empty folder to work in) -> what it took."""


def ours(clip: Path, work: Path) -> Usage:
    """`fsp anonymize`, a process of its own."""
    program = [sys.executable, "-m", "fsp_ray.cli.main"]
    command = [*program, "anonymize", str(clip), str(work / "lake"), "--json"]
    return measure(command, timeout_s=TIMEOUT_S)


def on_nodes(cpus: Sequence[int], layout: str = "shards") -> Contender:
    """Return `fsp anonymize` with two workers on a cluster whose nodes have so many CPUs each.

    Faces are covered: synthetic ones are drawn by lot, and the lot would outweigh a node.
    """
    program = [sys.executable, "-m", "fsp_ray.raydata.on_nodes"]
    asked = ["--workers", "2", "--layout", layout, "--replace", "cover", "--json"]

    def run(clip: Path, work: Path) -> Usage:
        words = [",".join(map(str, cpus)), "anonymize", str(clip), str(work / "lake"), *asked]
        return measure([*program, *words], timeout_s=TIMEOUT_S)

    return run


def deface(clip: Path, work: Path) -> Usage:
    """`deface` as it comes: a detection and a blur a frame, nothing else."""
    _check_file(clip, "deface")
    program = Path(sys.executable).with_name("deface")
    if not program.is_file():
        raise SettingsError("deface is not installed beside this Python.")
    command = [str(program), str(clip), "--output", str(work / "out.mp4")]
    return measure(command, timeout_s=TIMEOUT_S)


def floor(clip: Path, work: Path) -> Usage:
    """Decode twice and encode once: what any two-pass job must do."""
    _check_file(clip, "floor")
    program = [sys.executable, "-m", "fsp_ray.report.floor"]
    return measure([*program, str(clip), str(work / "out.mkv")], timeout_s=TIMEOUT_S)


def _check_file(clip: Path, name: str) -> None:
    if clip.is_dir():
        raise SettingsError(f"{name} does files, and {clip} is a folder.")


USUAL: Mapping[str, Contender] = {"fsp_ray": ours, "deface": deface, "floor": floor}
CONTENDERS: Mapping[str, Contender] = {
    **USUAL,
    "one-node": on_nodes((2,)),
    "two-nodes": on_nodes((1, 1)),
    "shards": on_nodes((4,)),  # as many CPUs as decoding beside the workers takes
    "frames": on_nodes((4,), "frames"),
}
OURS: Set[str] = CONTENDERS.keys() - {"deface", "floor"}
_NAMES = ", ".join(CONTENDERS)


def bench(
    clips: Sequence[Path],
    *,
    rounds: int,
    contenders: Sequence[str] = tuple(USUAL),
    tell: Callable[[str], None],
) -> list[Measured]:
    """Measure every clip with every contender.

    Args:
        clips: video files; for contenders of ours folders of them, too, each done as a whole.
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
            media = [source.media for source in list_source(str(clip))]
            tiny = Path(folder) / "tiny.mp4"
            frames = first_frame(media[0], tiny) + sum(_num_frames(each) for each in media[1:])
            runs: dict[str, list[tuple[Usage, Usage]]] = {name: [] for name in contenders}
            for number in range(rounds):
                for name in contenders:
                    tell(f"{clip.name}: {name}, round {number + 1} of {rounds}")
                    runs[name].append((_once(name, clip), _once(name, tiny)))
        row = partial(_median, clip.name, videos=len(media), frames=frames)
        measured.extend(row(name, runs=runs[name]) for name in contenders)
    return measured


def first_frame(media: MediaSource, out: Path) -> int:
    """Write a clip of a video's first frame, and return how many frames the video has."""
    settings = RunSettings()
    info = probe(media, video_id="bench", limits=settings.limits)
    batch = next(decode(media, info, batch_frames=1))
    segment = out.with_suffix(".mkv")
    with SegmentWriter(segment, info, crf=settings.crf, preset=settings.preset) as writer:
        writer.write(batch)
    mux([segment], media, replace(info, num_frames=1), out, audio="drop")
    segment.unlink()
    return info.num_frames


def _num_frames(media: MediaSource) -> int:
    return probe(media, video_id="bench", limits=RunSettings().limits).num_frames


def _once(name: str, clip: Path) -> Usage:
    with tempfile.TemporaryDirectory(prefix="fsp-bench-") as work:
        return CONTENDERS[name](clip, Path(work))


def _median(
    clip: str, name: str, *, videos: int, frames: int, runs: Sequence[tuple[Usage, Usage]]
) -> Measured:
    middle = sorted(runs, key=lambda run: run[0].wall_s)[len(runs) // 2][0]
    return Measured(
        clip=clip,
        contender=name,
        videos=videos,
        frames=frames,
        wall_s=statistics.median(whole.wall_s for whole, _ in runs),
        start_s=statistics.median(tiny.wall_s for _, tiny in runs),
        cpu_s=statistics.median(whole.cpu_s for whole, _ in runs),
        start_cpu_s=statistics.median(tiny.cpu_s for _, tiny in runs),
        peak_bytes=max(whole.peak_bytes for whole, _ in runs),
        seconds_by_stage=_stages(name, middle, videos),
    )


def _stages(name: str, usage: Usage, videos: int) -> dict[str, float]:
    if name not in OURS:
        return {}
    summary = json.loads(usage.stdout)
    if summary["videos"]["published"] != videos:
        raise MeasureError(f"Not all was published: {summary['problems']}.")
    return summary["seconds_by_stage"]
