"""What a run tells Ray's metrics, and with them its dashboard and Prometheus.

Counted in the driver, once for each result that comes out of a step, so that tasks done twice are
not counted twice. Labels are words of ours: no path, no id, nothing of anybody.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, Final

from ray.util.metrics import Counter, Gauge, Histogram

from fsp_ray.core.errors import FailureReason
from fsp_ray.core.progress import VideoStatus
from fsp_ray.stages.results import AnalysedShard, Failure, RenderedShard, VideoResult

FRAMES: Final = "fsp_frames"
FACES: Final = "fsp_faces"
STAGE_SECONDS: Final = "fsp_stage_seconds"
VIDEOS: Final = "fsp_videos"
FAILURES: Final = "fsp_failures"
VIDEO_SECONDS: Final = "fsp_video_length_seconds"
SHARD_SECONDS: Final = "fsp_shard_seconds"
WORKERS: Final = "fsp_workers"

_STEPS: Final = {AnalysedShard: "analyse", RenderedShard: "render"}
_REASONS: Final = frozenset(FailureReason)
_SECONDS: Final = [0.5, 1, 2, 5, 10, 20, 60, 120, 300, 600, 1800, 3600]


def count(result: object) -> None:
    """Count what came out of a step: frames, faces, the seconds of its parts, or a failure."""
    if isinstance(result, Failure):
        _counter(FAILURES, "Steps that failed, by the reason's word", "reason").inc(
            tags={"reason": _word(result.reason)}
        )
        return
    if isinstance(result, AnalysedShard | RenderedShard):
        step = _STEPS[type(result)]
        _counter(FRAMES, "Frames that are through a step", "step").inc(
            result.num_frames, tags={"step": step}
        )
        spent = sum(result.seconds.values())
        if spent > 0:  # a receipt of an earlier run says none
            _histogram(SHARD_SECONDS, "Worker seconds a shard took", "step").observe(
                spent, tags={"step": step}
            )
    for part, seconds in getattr(result, "seconds", {}).items():
        if seconds > 0:
            _counter(STAGE_SECONDS, "Worker seconds, by what they went to", "part").inc(
                seconds, tags={"part": part}
            )


def count_videos(results: Iterable[VideoResult]) -> None:
    """Count videos whose rows are committed, by how they ended, and what was published of them."""
    for result in results:
        status: VideoStatus = result.status
        _counter(VIDEOS, "Videos whose rows are committed, by status", "status").inc(
            tags={"status": status}
        )
        if status != "published":
            continue
        faces, length_s = result.video.get("num_faces"), result.video.get("duration_s")
        if isinstance(faces, int) and faces > 0:
            _counter(FACES, "Faces in published frames").inc(faces)
        if isinstance(length_s, float):
            _histogram(VIDEO_SECONDS, "Seconds that published videos last").observe(length_s)


def set_workers(workers: int) -> None:
    """Say how many workers a stage has; 0 when the run is over."""
    _gauge(WORKERS, "Workers that a stage of the run has at most").set(workers)


def _word(reason: str) -> str:
    """Return a reason's word, never its sentence, which names the file."""
    word = reason.partition(":")[0]
    return word if word in _REASONS else FailureReason.WORKER


# Ray's classes are untyped where it counts. One of each a process.
@cache
def _counter(name: str, description: str, *labels: str) -> Any:
    return Counter(name, description=description, tag_keys=labels)


@cache
def _gauge(name: str, description: str) -> Any:
    return Gauge(name, description=description)


@cache
def _histogram(name: str, description: str, *labels: str) -> Any:
    return Histogram(name, description=description, boundaries=_SECONDS, tag_keys=labels)
