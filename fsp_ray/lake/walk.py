"""Finds the files of a source, in a folder or a bucket, before anybody asks what is in them."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final
from urllib.parse import quote_from_bytes

from fsp_ray.core.errors import SourceError
from fsp_ray.lake.bucket_errors import BucketError
from fsp_ray.lake.layout import MARKER, has_video_suffix
from fsp_ray.lake.media import BucketMedia, LocalMedia, bucket_stamp, stamp_of
from fsp_ray.lake.objects import Objects, StoredObject
from fsp_ray.lake.storage import Storage

OnSkip = Callable[[str, str], None]
"""Told of each file that looks like a video and is not listed: (path, why)."""

_SURROGATES: Final = re.compile("[\ud800-\udfff]+")


@dataclass(frozen=True, slots=True)
class Found:
    """A file of the source, by its path in the source (see escaped())."""

    path: str
    size_bytes: int
    modified_at: datetime
    stamp: str
    media: LocalMedia | BucketMedia


def escaped(path: str) -> str:
    """Return a path as tables and the lake can hold it.

    Bytes that are not UTF-8 become %XX, and so do the parts that only an object's key can have
    and that would lead somewhere else as a path: empty ones, `.` and `..`.
    """
    text = _SURROGATES.sub(lambda match: quote_from_bytes(os.fsencode(match[0])), path)
    return "/".join(_PARTS.get(part, part) for part in text.split("/"))


_PARTS: Final = {"": "%", ".": "%2E", "..": "%2E%2E"}


def is_excluded(path: str, exclude: Sequence[str]) -> bool:
    """Return True if a path, or a folder that it lies in, matches one of the patterns."""
    parts = path.split("/")
    ways = ["/".join(parts[: end + 1]) for end in range(len(parts))]
    return any(fnmatchcase(way, pattern.rstrip("/")) for pattern in exclude for way in ways)


def walk_local(storage: Storage, exclude: Sequence[str], on_skip: OnSkip) -> Iterator[Found]:
    """Yield the files under a folder, or the one file that the source is.

    Raises:
        SourceError: missing, inside of a lake, or a folder in it can't be listed.
    """
    root = storage.root
    _refuse_lake(root, [str(folder) for folder in (Path(root), *Path(root).parents)], _is_lake)
    if Path(root).is_file():
        yield from _file(root, Path(root).name, os.stat(root), on_skip)  # noqa: PTH116
        return
    folders = [""]
    while folders:
        folder = folders.pop()
        for entry in _entries(root, folder):
            path = f"{folder}/{entry.name}" if folder else entry.name
            if entry.name.startswith(".") or is_excluded(escaped(path), exclude):
                continue
            if not entry.is_dir(follow_symlinks=False):
                yield from _entry(root, entry, path, on_skip)
            elif _is_lake(entry.path):
                on_skip(escaped(path), "it is a lake, whose videos are published ones")
            else:
                folders.append(path)


def _refuse_lake(root: str, folders: Sequence[str], is_lake: Callable[[str], bool]) -> None:
    lake = next((folder for folder in folders if is_lake(folder)), None)
    if lake is not None:
        raise SourceError(
            f"{root} is, or lies in, the lake {lake}.",
            advice="Name the folder of the original videos; a lake holds published ones.",
        )


def _is_lake(folder: str) -> bool:
    return os.path.lexists(f"{folder}/{MARKER}")


def _entries(root: str, folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(f"{root}/{folder}") as entries:
            return list(entries)
    except FileNotFoundError as error:
        if folder:
            return []  # it went while we were listing
        raise SourceError(f"There is no {root}.", advice="Check the path.") from error
    except OSError as error:
        raise SourceError(
            f"The folder {escaped(folder) if folder else root} can't be listed: {error.strerror}.",
            advice="Grant this user permission to read it, or leave it out with an exclude"
            " pattern: its videos would be missed in silence.",
        ) from error


def _entry(root: str, entry: os.DirEntry[str], path: str, on_skip: OnSkip) -> Iterator[Found]:
    """Yield the file of one entry, unless it is a link to somewhere else."""
    place = entry.path
    if entry.is_symlink():
        place = os.path.realpath(entry.path)
        why = _why_not_followed(root, place)
        if why:
            if has_video_suffix(entry.name) or Path(place).is_dir():
                on_skip(escaped(path), why)
            return
    try:
        status = os.stat(place)  # noqa: PTH116 - the path may not be UTF-8
    except FileNotFoundError:
        return  # it went while we were listing
    except OSError:
        status = os.stat_result((stat.S_IFREG, *[0] * 9))  # listed; opening it says why
    yield from _file(place, path, status, on_skip)


def _why_not_followed(root: str, place: str) -> str:
    if place != root and not place.startswith(f"{root}/"):
        return "a link that leads out of the source"
    if not Path(place).exists():
        return "a link that leads nowhere"
    return "a link to a folder" if Path(place).is_dir() else ""


def _file(place: str, path: str, status: os.stat_result, on_skip: OnSkip) -> Iterator[Found]:
    if not stat.S_ISREG(status.st_mode):
        if has_video_suffix(path):
            on_skip(escaped(path), "not a regular file")
        return
    uri = _SURROGATES.sub(lambda match: quote_from_bytes(os.fsencode(match[0])), place)
    modified_at = datetime.fromtimestamp(status.st_mtime, UTC)
    media = LocalMedia(place, uri)
    yield Found(escaped(path), status.st_size, modified_at, stamp_of(status), media)


def walk_bucket(storage: Storage, exclude: Sequence[str], on_skip: OnSkip) -> Iterator[Found]:
    """Yield the objects under a prefix, or the one object that the source is.

    Raises:
        SourceError: nothing is there, it is inside of a lake, or it can't be listed.
    """
    objects = Objects.at(storage.root)
    folders = storage.root.split("/")[2:]
    parents = ["s3://" + "/".join(folders[:end]) for end in range(len(folders), 0, -1)]
    try:
        _refuse_lake(storage.root, parents, lambda uri: bool(Objects.at(uri).find(MARKER)))
        found = list(objects.walk())
        single = objects.find() if objects.prefix and not found else None
    except BucketError as error:
        raise SourceError(
            f"{storage.root} can't be listed: {error}.", advice=error.advice
        ) from error
    if not found and not single:
        raise SourceError(f"There is nothing at {storage.root}.", advice="Check the prefix.")
    if single:
        yield _object(single, folders[-1])
        return
    yield from _objects(found, f"{objects.prefix}/" if objects.prefix else "", exclude, on_skip)


def _objects(
    found: Sequence[StoredObject], folder: str, exclude: Sequence[str], on_skip: OnSkip
) -> Iterator[Found]:
    """Yield those of a source's objects that are nobody's lake, nor hidden, nor excluded."""
    keys = [each.version.key for each in found]
    lakes = {key.removesuffix(MARKER) for key in keys if key.endswith(f"/{MARKER}")}
    for lake in sorted(lakes):
        on_skip(lake.removeprefix(folder), "it is a lake, whose videos are published ones")
    for each, key in zip(found, keys, strict=True):
        path = key.removeprefix(folder)
        if not (
            key.endswith("/")
            or _is_hidden(path)
            or any(key.startswith(lake) for lake in lakes)
            or is_excluded(escaped(path), exclude)
        ):
            yield _object(each, path)


def _object(stored: StoredObject, path: str) -> Found:
    version = stored.version
    uri = f"s3://{version.bucket}/{version.key}"
    stamp = bucket_stamp(version.size_bytes, version.etag)
    media = BucketMedia(uri, uri, version)
    return Found(escaped(path), version.size_bytes, stored.modified_at, stamp, media)


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") and part not in (".", "..") for part in path.split("/"))
