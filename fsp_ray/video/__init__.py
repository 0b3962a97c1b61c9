"""Probe, plan shards, decode, encode, mux, verify. The only room that imports av."""

from __future__ import annotations

from fsp_ray.video.container import open_media
from fsp_ray.video.decode import decode
from fsp_ray.video.mux import mux
from fsp_ray.video.played import play_segment
from fsp_ray.video.prefetch import prefetch
from fsp_ray.video.probe import probe
from fsp_ray.video.segment import SegmentWriter
from fsp_ray.video.shards import plan_shards
from fsp_ray.video.verify import verify

__all__ = [
    "SegmentWriter",
    "decode",
    "mux",
    "open_media",
    "plan_shards",
    "play_segment",
    "prefetch",
    "probe",
    "verify",
]
