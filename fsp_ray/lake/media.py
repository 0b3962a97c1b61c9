"""Source videos as the stages open them, local or in a bucket. Small, frozen, picklable."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from fsp_ray.core.errors import FailureReason, VideoError
from fsp_ray.lake.bucket_errors import BucketError, ChangedError
from fsp_ray.lake.object_file import ObjectFile, ObjectVersion
from fsp_ray.lake.objects import Objects

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_CHUNK_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class LocalMedia:
    """A source video in a local file.

    Attributes:
        path: absolute path, with whatever bytes the file system has in it.
        uri: the same for messages and tables: valid Unicode, other bytes as %XX.
    """

    path: str
    uri: str

    @property
    def local_path(self) -> Path | None:
        """Its path."""
        return Path(self.path)

    def open(self) -> BinaryIO:
        """Open it for reading with seeking. The caller closes it.

        Raises:
            VideoError: it is gone, not readable, or no regular file any more.
        """
        try:
            # Not following a link that came after listing (listing resolves those that may be
            # followed), not waiting for a pipe's writer.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            file = os.fdopen(os.open(self.path, flags), "rb")
        except OSError as error:
            raise _unreadable(self.uri, error) from error
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            file.close()
            raise VideoError(FailureReason.UNREADABLE, f"{self.uri} is not a regular file.")
        return file

    def stamp(self) -> str:
        """Return what changes whenever the file is written: size and times, no content."""
        try:
            return stamp_of(os.stat(self.path))  # noqa: PTH116 - the path may not be UTF-8
        except OSError as error:
            raise _unreadable(self.uri, error) from error

    def content_hash(self) -> str:
        """Return the sha256 of the content, in hex.

        Raises:
            VideoError: not readable.
        """
        digest = hashlib.sha256()
        with self.open() as file:
            try:
                while chunk := file.read(_CHUNK_BYTES):
                    digest.update(chunk)
            except OSError as error:
                raise _unreadable(self.uri, error) from error
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class BucketMedia:
    """A source video in an S3 bucket.

    Attributes:
        path: `s3://bucket/key`, as it is.
        uri: the same for messages and tables.
        version: the one that was listed, which alone is read then; None: the one that is there.
    """

    path: str
    uri: str
    version: ObjectVersion | None = None

    @property
    def local_path(self) -> Path | None:
        """None: it is read through `open()`."""
        return None

    def open(self) -> BinaryIO:
        """Open it for reading with seeking, a megabyte at a time. The caller closes it.

        What it gives is all of one version of the object: where another one takes its place, the
        next read raises VideoError(CHANGED).

        Raises:
            VideoError: it is gone, may not be read, or is out of reach.
        """
        return cast("BinaryIO", _BucketFile(self.uri, self.version or self._there()))

    def stamp(self) -> str:
        """Return what changes whenever the object does: size and etag."""
        there = self._there()
        return bucket_stamp(there.size_bytes, there.etag)

    def _there(self) -> ObjectVersion:
        with _video_errors(self.uri):
            return Objects.at(self.path).stat().version


class _BucketFile(ObjectFile):
    """A video's object, whose reads fail as videos do."""

    def __init__(self, uri: str, version: ObjectVersion) -> None:
        super().__init__(version)
        self._uri = uri

    def readinto(self, buffer: WriteableBuffer) -> int:
        with _video_errors(self._uri):
            return super().readinto(buffer)


@contextmanager
def _video_errors(uri: str) -> Generator[None]:
    try:
        yield
    except ChangedError as error:
        raise VideoError(
            FailureReason.CHANGED,
            f"{uri} was replaced while it was read.",
            advice="Run again when nobody writes to the source.",
        ) from error
    except OSError as error:
        raise _unreadable(uri, error) from error


def stamp_of(status: os.stat_result) -> str:
    """Return a local file's stamp. The change time sees what `touch -r` hides."""
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}"


def bucket_stamp(size_bytes: int, etag: str) -> str:
    """Return an object's stamp, which is its fingerprint, too."""
    return f"etag:{size_bytes}-{etag.strip(chr(34))}"


def _unreadable(uri: str, error: OSError) -> VideoError:
    advice = "Grant this user permission to read it, or see whether the disk is well."
    if isinstance(error, BucketError):
        advice = error.advice
    return VideoError(
        FailureReason.UNREADABLE, f"{uri} can't be read: {error.strerror or error}.", advice=advice
    )
