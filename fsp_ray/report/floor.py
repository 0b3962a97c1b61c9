"""The floor of `fsp bench`: decode a clip twice, encode it once, and nothing else."""

from __future__ import annotations

import sys
from pathlib import Path

from fsp_ray.core.config import RunSettings
from fsp_ray.lake import list_source
from fsp_ray.video import SegmentWriter, decode, prefetch, probe


def floor(clip: Path, out: Path) -> None:
    """Do it, with the settings of a default run."""
    settings = RunSettings()
    media = list_source(str(clip))[0].media
    info = probe(media, video_id="floor", limits=settings.limits)
    for _ in prefetch(decode(media, info)):
        pass
    with SegmentWriter(out, info, crf=settings.crf, preset=settings.preset) as writer:
        for batch in prefetch(decode(media, info)):
            writer.write(batch)


if __name__ == "__main__":
    floor(Path(sys.argv[1]), Path(sys.argv[2]))
