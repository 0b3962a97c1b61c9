"""How the faces chosen in a run read, so that no two persons of it get one that reads as both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from fsp_ray.core.face_types import FaceReading
from fsp_ray.stages.staging import Staging

READINGS_NAME: Final = "readings.npz"
# The latest videos of a run: reading all of a large archive's would cost more than it brings.
MAX_VIDEOS: Final = 256


def save_readings(staging: Staging, readings: Sequence[FaceReading]) -> None:
    """Stage how a video's chosen faces read, for the other videos of the run. Biometric."""
    seen = [reading.embeddings for reading in readings if reading.embeddings]
    arrays = {str(judge): np.stack(column) for judge, column in enumerate(zip(*seen, strict=True))}
    with staging.writing(READINGS_NAME) as path, path.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def load_readings(staging: Staging) -> list[FaceReading]:
    """Read what the other videos of the run have staged by now, of the latest ones.

    Videos are resolved side by side: two at the very same time do not see one another.
    """
    paths = [path for path in staging.of_run(READINGS_NAME) if path.parent != staging.root]
    paths.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
    readings: list[FaceReading] = []
    for path in paths[:MAX_VIDEOS]:
        with np.load(path, allow_pickle=False) as data:
            columns = [data[str(judge)] for judge in range(len(data.files))]
        readings += [FaceReading(vectors) for vectors in zip(*columns, strict=True)]
    return readings
