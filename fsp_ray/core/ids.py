"""Identifiers and fingerprints. All are stable hashes or random; none derives from a face."""

from __future__ import annotations

import hashlib
import json
import secrets
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

# A namespace of our own, so that a video_id can't collide with a uuid5 of the same path made
# by somebody else.
_VIDEO_NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "urn:fsp_ray:video")


def video_id(source_path: str) -> str:
    """Return the id of the video at a path relative to its source (posix, no leading slash)."""
    return str(uuid.uuid5(_VIDEO_NAMESPACE, source_path))


def new_run_id(now: datetime | None = None) -> str:
    """Return a run id that sorts by start time and is unique without coordination."""
    stamp = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    return f"{stamp}-{secrets.token_hex(4)}"


def settings_hash(settings: Mapping[str, object]) -> str:
    """Return 16 hex digits of the canonical JSON of whatever changes a published video."""
    text = json.dumps(settings, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:16]


def shard_id(video: str, index: int) -> str:
    """Return the id of the `index`-th shard of a video."""
    return f"{video}-{index:05d}"


def track_id(shard: str, number: int) -> str:
    """Return the id of the `number`-th track found in a shard."""
    return f"{shard}-t{number:04d}"


def person_id(video: str, number: int) -> str:
    """Return the id of the `number`-th person of a video, in order of appearance."""
    return f"{video}-p{number:04d}"
