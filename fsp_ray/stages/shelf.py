"""What of a video that is done stays staged: what later videos of the run are compared with.

Of the latest videos only: what is biometric would pile up for as long as the run lasts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from pathlib import Path

from fsp_ray.stages.audit_findings import GALLERY_NAME
from fsp_ray.stages.readings import MAX_VIDEOS, READINGS_NAME
from fsp_ray.stages.staging import Staging


class Shelf:
    """The videos of a run that are done and still compared with."""

    def __init__(self, run: Path, *, max_videos: int = MAX_VIDEOS) -> None:
        """Keep them in the staging folder of a run."""
        self._run = run
        self._max_videos = max_videos
        self._kept: deque[str] = deque()

    def put(self, video_ids: Iterable[str]) -> None:
        """Clear what is staged of videos that are done, and forget the oldest."""
        for video_id in video_ids:
            Staging(self._run / video_id).clear(but=(GALLERY_NAME, READINGS_NAME))
            self._kept.append(video_id)
        while len(self._kept) > self._max_videos:
            Staging(self._run / self._kept.popleft()).clear()
