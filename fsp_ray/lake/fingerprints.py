"""Fingerprints of source videos, and the memory that spares hashing a file twice.

A fingerprint must change with the content and with nothing else: a video that is touched, copied
back from a backup or moved with its archive is not done again, and one byte changed in place is.
So a local file's is the sha256 of all of its bytes. Sampling some blocks would be faster and would
miss an edit between them; size and mtime would do the whole archive again after a restore.

The cost is one more reading of each new file, little beside decoding it. What must not happen is
reading an archive of 100,000 files again on each nightly refresh: the memory keeps a hash by path
and stamp (size, mtime, ctime), so that a second listing only asks the file system for those. A
stamp that differs costs a hash and decides nothing by itself.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from fsp_ray.core.errors import VideoError
from fsp_ray.lake.layout import FINGERPRINTS
from fsp_ray.lake.media import LocalMedia
from fsp_ray.lake.storage import Storage

# A file written within a clock tick of being hashed may change again under the same stamp.
_SETTLED_NS: Final = 2 * 10**9
_MAX_THREADS: Final = 8


@dataclass(frozen=True, slots=True)
class Remembered:
    """A file's stamp and the fingerprint that it had then."""

    stamp: str
    fingerprint: str


Memory = Mapping[str, Remembered]
"""What is remembered, by uri."""


def fingerprints(
    files: Sequence[LocalMedia], stamps: Sequence[str], memory: Memory
) -> Iterator[str]:
    """Yield a fingerprint for each file, in order; several are read at once.

    A file that can't be read has one, too, of its stamp: it becomes a failed row.
    """
    threads = min(_MAX_THREADS, os.cpu_count() or 1)
    if all(_remembered(memory, media, stamp) for media, stamp in zip(files, stamps, strict=True)):
        yield from (memory[media.uri].fingerprint for media in files)
        return
    with ThreadPoolExecutor(threads, thread_name_prefix="fingerprint") as pool:
        yield from pool.map(partial(_fingerprint, memory), files, stamps)


def _remembered(memory: Memory, media: LocalMedia, stamp: str) -> Remembered | None:
    known = memory.get(media.uri)
    return known if known and known.stamp == stamp else None


def _fingerprint(memory: Memory, media: LocalMedia, stamp: str) -> str:
    known = _remembered(memory, media, stamp)
    if known:
        return known.fingerprint
    try:
        return f"sha256:{media.content_hash()}"
    except VideoError:
        return f"unread:{stamp}"


def is_worth_remembering(stamp: str, fingerprint: str) -> bool:
    """Return True if the same stamp will mean the same content."""
    if not fingerprint.startswith("sha256:"):
        return False
    newest_ns = max(int(part) for part in stamp.split("-")[1:])
    return time.time_ns() - newest_ns > _SETTLED_NS


def load_memory(storage: Storage) -> Memory:
    """Read what a lake remembers. A memory that can't be read is an empty one."""
    if not storage.exists(FINGERPRINTS):
        return {}
    try:
        rows = pq.read_table(pa.BufferReader(storage.read_bytes(FINGERPRINTS)))
        columns = [rows.column(name).to_pylist() for name in ("uri", "stamp", "fingerprint")]
    except (pa.ArrowException, KeyError, OSError):
        return {}  # it only spares work, and the next save makes it good
    return {uri: Remembered(stamp, found) for uri, stamp, found in zip(*columns, strict=True)}


def save_memory(storage: Storage, memory: Memory) -> None:
    """Write what a lake remembers, whole."""
    rows = pa.table(
        {
            "uri": pa.array(list(memory), pa.string()),
            "stamp": pa.array([known.stamp for known in memory.values()], pa.string()),
            "fingerprint": pa.array([known.fingerprint for known in memory.values()], pa.string()),
        }
    )
    buffer = io.BytesIO()
    pq.write_table(rows, buffer, compression="zstd")
    storage.write_bytes(FINGERPRINTS, buffer.getvalue())
