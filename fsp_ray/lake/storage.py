"""The lake's files, local or in a bucket: nothing is ever half there under its name.

Local files are written beside their place, synced, and moved onto it in one step. A bucket
shows an object only when all of it has arrived. What is denied is never taken for missing.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import fsspec
from fsspec.core import split_protocol

from fsp_ray.core.errors import LakeError
from fsp_ray.lake.connection import bucket_filesystem
from fsp_ray.lake.errors import lake_errors
from fsp_ray.lake.layout import PUBLISHING
from fsp_ray.lake.object_file import ObjectFile
from fsp_ray.lake.objects import UPLOAD_AGE, Objects

_CHUNK_BYTES: Final = 1 << 20
_BUCKET_PROTOCOLS: Final = frozenset({"s3", "s3a"})


@dataclass(frozen=True, slots=True)
class Storage:
    """A folder, local or in a bucket. Picklable; connections are fsspec's, made when needed.

    Attributes:
        root: absolute local path, or `s3://bucket/prefix`; no slash at the end.
    """

    root: str

    @classmethod
    def of(cls, uri: str) -> Storage:
        """Return the storage at a local path, a `file://` URI or an `s3://` URI.

        Raises:
            LakeError: another protocol, or a path that Delta tables can't lie under.
        """
        protocol, rest = cast("tuple[str | None, str]", split_protocol(uri))
        if protocol in _BUCKET_PROTOCOLS:
            if not rest.strip("/"):
                raise LakeError(f"{uri!r} names no bucket.", advice="Say s3://bucket/folder.")
            return cls("s3://" + rest.strip("/"))
        if protocol not in (None, "file"):
            raise LakeError(
                f"{uri!r} is neither a local path nor s3://.", advice="Those two are supported."
            )
        if not rest:
            raise LakeError("The path is empty.", advice="Name a folder.")
        return cls(str(Path(rest).expanduser().resolve()))

    @property
    def is_local(self) -> bool:
        """True for a folder of this machine (or one mounted on it)."""
        return not self.root.startswith("s3://")

    @property
    def filesystem(self) -> Any:
        """The fsspec file system; of a bucket there is one a process."""
        return fsspec.filesystem("file") if self.is_local else bucket_filesystem()

    @property
    def delta_options(self) -> Mapping[str, str]:
        """What deltalake needs to reach it. Of a bucket they hold keys: keep them nowhere.

        Raises:
            LakeError: the keys' or the profile's files can't be read.
        """
        if self.is_local:
            return {}
        with lake_errors(f"reach {self.root}"):
            return bucket_filesystem().delta_options()

    @property
    def objects(self) -> Objects:
        """The objects of a storage in a bucket."""
        return Objects.at(self.root)

    def check_reachable(self) -> None:
        """Raise unless it can be read now.

        Raises:
            LakeError: the folder is gone, or the server does not answer or denies it.
        """
        with lake_errors(f"reach {self.root}"):
            if self.is_local:
                os.stat(self.root)  # noqa: PTH116 - the path may not be UTF-8
            else:
                self.objects.check_reachable()

    def uri(self, rel: str = "") -> str:
        """Return the absolute path or URI of a file of the lake."""
        return f"{self.root}/{rel}" if rel else self.root

    def local(self, rel: str = "") -> Path:
        """Return the path of a file of a local lake."""
        if not self.is_local:
            raise LakeError(f"{self.uri(rel)} is not a local file.")
        return Path(self.uri(rel))

    def exists(self, rel: str = "") -> bool:
        """Return True if there is a file or folder.

        Raises:
            LakeError: it can't be told.
        """
        with lake_errors(f"look at {self.uri(rel)}"):
            if self.is_local:
                return self.local(rel).exists()
            objects = self.objects
            return bool(rel and objects.find(rel)) or objects.is_folder(rel)

    def names(self, rel: str = "") -> tuple[str, ...]:
        """Return the sorted names in a folder; none if it is missing."""
        with lake_errors(f"list {self.uri(rel)}"):
            if not self.is_local:
                return self.objects.names(rel)
            try:
                return tuple(sorted(os.listdir(self.uri(rel))))  # noqa: PTH208 - may not be UTF-8
            except FileNotFoundError:
                return ()

    def read_bytes(self, rel: str) -> bytes:
        """Return a small file whole.

        Raises:
            LakeError: missing or unreadable.
        """
        with lake_errors(f"read {self.uri(rel)}"), self.open(rel) as file:
            return file.read()

    def open(self, rel: str) -> BinaryIO:
        """Open a file for reading.

        Raises:
            LakeError: missing or unreadable.
        """
        with lake_errors(f"read {self.uri(rel)}"):
            if self.is_local:
                return self.local(rel).open("rb")
            return cast("BinaryIO", ObjectFile(self.objects.stat(rel).version))

    def write_bytes(self, rel: str, data: bytes) -> None:
        """Write a small file; readers see the old one or the new one."""
        with lake_errors(f"write {self.uri(rel)}"):
            if self.is_local:
                with self._arriving(rel) as arriving:
                    _write_synced(arriving, [data])
            else:
                self.objects.write(rel, data)

    def put(self, local: Path, rel: str) -> str:
        """Copy a local file to its place, atomically; return its sha256. The local file stays.

        Raises:
            LakeError: no space, no permission, a name that the file system refuses.
        """
        with lake_errors(f"write {self.uri(rel)}"):
            if self.is_local:
                with self._arriving(rel) as arriving:
                    return _copy_synced(local, arriving)
            return self.objects.upload(local, rel)

    def remove(self, rel: str) -> None:
        """Remove a file or a folder with all that is in it; it may be missing."""
        with lake_errors(f"remove {self.uri(rel)}"):
            if not self.is_local:
                self.objects.remove(rel)
                return
            path = self.local(rel)
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def abort_uploads(self, *, older_than: timedelta = UPLOAD_AGE) -> int:
        """Take back what died on its way into a bucket; return how many uploads they were.

        Raises:
            LakeError: they can't be listed.
        """
        if self.is_local:
            return 0  # staging collects them
        with lake_errors(f"list the unfinished uploads of {self.root}"):
            return self.objects.abort_uploads(older_than=older_than)

    def sha256(self, rel: str) -> str:
        """Return the hex digest of a file's content."""
        with lake_errors(f"read {self.uri(rel)}"):
            return _sha256(self.open(rel))

    @contextmanager
    def _arriving(self, rel: str) -> Generator[Path]:
        """Give a path of the same file system; it becomes `rel` when the block ends well.

        It lies in the staging folder, under a short name of its own: never beside published
        videos, and never longer than the file system allows.
        """
        target = self.local(rel)
        waiting = self.local(PUBLISHING)
        waiting.mkdir(parents=True, exist_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        arriving = waiting / secrets.token_hex(8)
        try:
            yield arriving
            arriving.replace(target)
            _sync_folder(target.parent)
        finally:
            arriving.unlink(missing_ok=True)


def _copy_synced(source: Path, target: Path) -> str:
    digest = hashlib.sha256()

    def chunks(file: BinaryIO) -> Iterator[bytes]:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            yield chunk

    with source.open("rb") as file:
        _write_synced(target, chunks(file))
    return digest.hexdigest()


def _write_synced(target: Path, chunks: Iterator[bytes] | list[bytes]) -> None:
    with target.open("xb") as file:
        for chunk in chunks:
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())


def _sha256(file: BinaryIO) -> str:
    with file:
        digest = hashlib.sha256()
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
        return digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    """Make a rename outlast a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
