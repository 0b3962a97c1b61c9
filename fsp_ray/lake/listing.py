"""What lies under a lake's folder, listed, not looked at file by file."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

from fsp_ray.lake.errors import lake_errors
from fsp_ray.lake.objects import Objects
from fsp_ray.lake.storage import Storage


@dataclass(frozen=True, slots=True)
class Listed:
    """A file.

    Attributes:
        path: relative to the lake's root, posix.
        age_s: since it was written; by this machine's clock, so only good for hours and days.
    """

    path: str
    size_bytes: int
    age_s: float


def listing(storage: Storage, rel: str) -> Iterator[Listed]:
    """Give the files under a folder of a lake; none if it is missing.

    Raises:
        LakeError: it can't be listed.
    """
    with lake_errors(f"list {storage.uri(rel)}"):
        if storage.is_local:
            yield from _local(storage.uri(), rel, time.time())
        else:
            yield from _bucket(storage.root, rel, time.time())


def _local(root: str, rel: str, now_s: float) -> Iterator[Listed]:
    waiting = [rel]
    while waiting:
        folder = waiting.pop()
        try:
            entries = os.scandir(f"{root}/{folder}")
        except FileNotFoundError:  # gone since, or never made
            continue
        with entries:
            for entry in entries:
                path = f"{folder}/{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(path)
                    continue
                try:
                    found = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                yield Listed(path, found.st_size, now_s - found.st_mtime)


def _bucket(root: str, rel: str, now_s: float) -> Iterator[Listed]:
    objects = Objects.at(root)
    start = objects.key("") + "/" if objects.prefix else ""
    for found in objects.walk(rel):
        age_s = now_s - found.modified_at.timestamp()
        yield Listed(found.version.key.removeprefix(start), found.version.size_bytes, age_s)
