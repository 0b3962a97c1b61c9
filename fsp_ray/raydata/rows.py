"""Ray Data rows that carry one of our own values: a column of bytes."""

from __future__ import annotations

import errno
import pickle
from typing import Any

from fsp_ray.core.errors import FailureReason, FspError, VideoError
from fsp_ray.stages.results import Failure

RayRow = dict[str, Any]


def to_row(value: object) -> RayRow:
    """Wrap a value. Rows travel between processes of one run, and are never stored."""
    return {"value": pickle.dumps(value)}


def from_row(row: RayRow) -> Any:
    """Unwrap a value."""
    return pickle.loads(row["value"])  # noqa: S301 - made by to_row in this very run


def failure(video_id: str, error: Exception) -> Failure:
    """Turn an error into the video's reason.

    Our own errors are written for the reader. One that we did not foresee is named by its type
    and place alone: its text could quote what it was working on.
    """
    if isinstance(error, VideoError):
        return Failure(video_id, f"{error.reason}: {error}")
    if isinstance(error, FspError):
        return Failure(video_id, f"{FailureReason.WORKER}: {error}")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Failure(
            video_id,
            f"{FailureReason.WORKER}: No space is left for staging. Free some, or give fewer videos"
            " at once with fewer --workers; then run again.",
        )
    place = _place(error)
    return Failure(
        video_id,
        f"{FailureReason.WORKER}: {type(error).__name__} at {place}. "
        "Run again; if it stays, report it with this line.",
    )


def _place(error: Exception) -> str:
    trace = error.__traceback__
    place = "an unknown line"
    while trace is not None:
        module = trace.tb_frame.f_globals.get("__name__", "?")
        if str(module).startswith("fsp_ray."):
            place = f"{module}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
