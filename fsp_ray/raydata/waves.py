"""Waves: how much of an archive is under way at once.

Staging holds the embeddings and segments of a wave, so a wave bounds the disk it takes and the
time they live; its rows are committed at its end, so a killed run loses one wave at most.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fsp_ray.lake import SourceVideo

VIDEOS_PER_WORKER = 64
BYTES_PER_WORKER = 2 << 30


def waves(sources: Sequence[SourceVideo], *, workers: int) -> Iterator[list[SourceVideo]]:
    """Yield runs of sources, each bounded in videos and bytes by the number of workers.

    A video larger than the bound is a wave of its own.
    """
    wave: list[SourceVideo] = []
    size_bytes = 0
    for source in sources:
        full = len(wave) >= VIDEOS_PER_WORKER * workers
        if wave and (full or size_bytes + source.size_bytes > BYTES_PER_WORKER * workers):
            yield wave
            wave, size_bytes = [], 0
        wave.append(source)
        size_bytes += source.size_bytes
    if wave:
        yield wave
