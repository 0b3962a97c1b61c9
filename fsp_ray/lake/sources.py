"""Lists the source videos of an archive: a folder, a single file, or an S3 prefix."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from itertools import pairwise
from pathlib import Path
from typing import Final, overload

from fsp_ray.core import ids
from fsp_ray.core.errors import LakeError, SourceError
from fsp_ray.lake.fingerprints import Memory, fingerprints
from fsp_ray.lake.layout import VIDEO_SUFFIXES, has_video_suffix
from fsp_ray.lake.media import BucketMedia, LocalMedia
from fsp_ray.lake.storage import Storage
from fsp_ray.lake.walk import Found, OnSkip, is_excluded, walk_bucket, walk_local

_log = logging.getLogger(__name__)

# Videos to a person, but in containers that the decoder is not allowed to open.
_UNSUPPORTED_SUFFIXES: Final = (".asf", ".flv", ".mpeg", ".mpg", ".ogv", ".rm", ".vob", ".wmv")


@dataclass(frozen=True, slots=True)
class SourceVideo:
    """One video of the source.

    Attributes:
        path: posix path relative to the source; what video_id and the published path come from.
            Valid Unicode: bytes that are not UTF-8 stand as %XX.
        uri: absolute path or s3:// URI.
        fingerprint: changes with the content alone: sha256 of a local file, size and etag of an
            object; of a file that can't be read, its size and times.
        stamp: changes whenever the file is written: see has_changed().
        media: opens it; picklable.
    """

    path: str
    video_id: str
    uri: str
    size_bytes: int
    fingerprint: str
    stamp: str
    media: LocalMedia | BucketMedia

    def has_changed(self) -> bool:
        """Return True if the file was written to since it was listed.

        Raises:
            VideoError: it is gone.
        """
        return self.media.stamp() != self.stamp


@dataclass(frozen=True, slots=True)
class Selection:
    """Which videos of a source are meant.

    Attributes:
        include: if any, only paths that match one of these patterns (fnmatch over the whole
            relative path; `*` also crosses `/`).
        exclude: not the paths, nor anything in the folders, that match one of these.
        since: only files that were modified then or later, by their own dates.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    since: datetime | None = None

    def __post_init__(self) -> None:
        if self.since is not None and self.since.tzinfo is None:
            raise ValueError("since must say its time zone")

    def has_path(self, path: str) -> bool:
        """Return True if a video of that path is meant, whenever it was modified."""
        included = not self.include or any(fnmatchcase(path, word) for word in self.include)
        return included and not is_excluded(path, self.exclude)

    def has_time(self, modified_at: datetime) -> bool:
        """Return True if a video that was modified then is meant."""
        return self.since is None or modified_at >= self.since


@dataclass(frozen=True, slots=True)
class Listing(Sequence[SourceVideo]):
    """What a source holds: a sequence of the videos that are meant.

    Attributes:
        root: absolute path or s3:// URI of the source.
        videos: those that are meant, sorted by path.
        paths: of all videos whose paths are meant, however old they are.
    """

    root: str
    videos: tuple[SourceVideo, ...]
    paths: frozenset[str]

    @overload
    def __getitem__(self, index: int) -> SourceVideo: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[SourceVideo, ...]: ...
    def __getitem__(self, index: int | slice) -> SourceVideo | tuple[SourceVideo, ...]:
        return self.videos[index]

    def __len__(self) -> int:
        return len(self.videos)


def log_skip(path: str, why: str) -> None:
    """Say in the log that a file is not listed, and why."""
    _log.warning("%s is left out: %s", path, why)


def list_source(
    uri: str,
    selection: Selection | None = None,
    *,
    memory: Memory | None = None,
    on_skip: OnSkip = log_skip,
) -> Listing:
    """List the videos of an archive.

    Files count by their suffix (VIDEO_SUFFIXES). Left out: names that start with a dot, lakes
    and all that is in them, links that lead out of the source, links to folders (each with a
    word to `on_skip` if it looks like a video). A file that can't be read is listed.

    Args:
        uri: folder, single file, or s3://bucket/prefix.
        selection: which videos are meant; None for all.
        memory: fingerprints known from before (Lake.list_source brings the lake's).
        on_skip: told what is left out.

    Raises:
        SourceError: missing, not a video, not listable, inside of a lake, or two files that
            could not be told apart in the lake.
    """
    storage = _storage(uri)
    meant = selection or Selection()
    walk = walk_local if storage.is_local else walk_bucket
    found = [
        found
        for found in walk(storage, meant.exclude, on_skip)
        if meant.has_path(found.path) and _is_video(found.path, on_skip)
    ]
    if not found and storage.is_local and Path(storage.root).is_file():
        raise SourceError(
            f"{storage.root} is not a video file.",
            advice=f"Known suffixes are {' '.join(sorted(VIDEO_SUFFIXES))}.",
        )
    found.sort(key=lambda found: found.path)
    _check_distinct(found)
    chosen = [video for video in found if meant.has_time(video.modified_at)]
    videos = _source_videos(chosen, memory or {})
    return Listing(storage.root, videos, frozenset(video.path for video in found))


def check_source(uri: str) -> None:
    """Raise unless a source can be reached.

    Raises:
        SourceError: it is gone, or its server does not answer.
    """
    storage = _storage(uri)
    try:
        storage.check_reachable()
    except LakeError as error:
        raise SourceError(error.message, advice=error.advice) from error


def _storage(uri: str) -> Storage:
    try:
        return Storage.of(uri)
    except LakeError as error:
        raise SourceError(error.message, advice=error.advice) from error


def _is_video(path: str, on_skip: OnSkip) -> bool:
    if has_video_suffix(path.rpartition("/")[2]):
        return True
    if path.lower().endswith(_UNSUPPORTED_SUFFIXES):
        suffix = "." + path.rpartition(".")[2].lower()
        on_skip(path, f"containers of type {suffix} are not supported; convert it first")
    return False


def _check_distinct(videos: Sequence[Found]) -> None:
    for one, other in pairwise(videos):
        if one.path == other.path:
            raise SourceError(
                f"Two files would both be called {one.path!r} in the lake.",
                advice="Rename the one whose name is not valid UTF-8.",
            )


def _source_videos(videos: Sequence[Found], memory: Memory) -> tuple[SourceVideo, ...]:
    local = [found.media for found in videos if isinstance(found.media, LocalMedia)]
    if local:
        prints = list(fingerprints(local, [found.stamp for found in videos], memory))
    else:
        prints = [found.stamp for found in videos]
    return tuple(
        SourceVideo(
            path=found.path,
            video_id=ids.video_id(found.path),
            uri=found.media.uri,
            size_bytes=found.size_bytes,
            fingerprint=fingerprint,
            stamp=found.stamp,
            media=found.media,
        )
        for found, fingerprint in zip(videos, prints, strict=True)
    )
