"""What the lake does with objects under a prefix of a bucket.

Keys are told to the server as they are. s3fs's own functions on paths would take a `*` in one for
a pattern and `?versionId=` for a version, and say nothing where a deletion was refused.
"""

from __future__ import annotations

import errno
import hashlib
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from fsspec.asyn import sync

from fsp_ray.lake.batches import batched
from fsp_ray.lake.bucket_errors import BucketError, ChangedError, MissingError
from fsp_ray.lake.connection import bucket_filesystem
from fsp_ray.lake.object_file import ObjectVersion

if TYPE_CHECKING:
    from fsp_ray.lake.bucket import PatientS3

PART_BYTES: Final = 8 << 20
"""A video is uploaded in parts of this size, unless they would be too many."""
UPLOAD_AGE: Final = timedelta(days=1)
"""No upload takes so long: an older one was left by a process that died."""

_MAX_PARTS: Final = 10_000
_PARTS_AT_ONCE: Final = 4
_DELETED_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as the server lists it."""

    version: ObjectVersion
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class Objects:
    """The objects of a bucket under a prefix. All methods raise BucketError.

    Attributes:
        bucket: its name.
        prefix: without a slash at its ends; "" for the whole bucket.
    """

    bucket: str
    prefix: str

    @classmethod
    def at(cls, uri: str) -> Objects:
        """Return those at an s3:// URI."""
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        return cls(bucket, prefix)

    @property
    def filesystem(self) -> PatientS3:
        """The way to them."""
        return bucket_filesystem()

    def key(self, rel: str) -> str:
        """Return the key of an object by its path under the prefix."""
        return "/".join(part for part in (self.prefix, rel) if part)

    def find(self, rel: str = "") -> StoredObject | None:
        """Return one object, or None if there is none of that name."""
        try:
            return self.stat(rel)
        except MissingError:
            return None

    def stat(self, rel: str = "") -> StoredObject:
        """Return one object, or raise MissingError if there is none of that name."""
        key = self.key(rel)
        head: Mapping[str, Any] = self._call("head_object", Key=key)
        version = ObjectVersion(self.bucket, key, head["ETag"], head["ContentLength"])
        return StoredObject(version, head["LastModified"])

    def is_folder(self, rel: str = "") -> bool:
        """Return True if an object lies under a path."""
        page = self._call("list_objects_v2", Prefix=_folder(self.key(rel)), MaxKeys=1)
        return bool(page.get("Contents"))

    def walk(self, rel: str = "") -> Iterator[StoredObject]:
        """Yield all that lies under a path, in the order of the keys."""
        for page in self._pages(Prefix=_folder(self.key(rel))):
            for found in page.get("Contents", ()):
                version = ObjectVersion(self.bucket, found["Key"], found["ETag"], found["Size"])
                yield StoredObject(version, found["LastModified"])

    def names(self, rel: str = "") -> tuple[str, ...]:
        """Return the sorted names of what lies directly under a path."""
        folder = _folder(self.key(rel))
        names: set[str] = set()
        for page in self._pages(Prefix=folder, Delimiter="/"):
            names.update(found["Key"] for found in page.get("Contents", ()))
            names.update(found["Prefix"].rstrip("/") for found in page.get("CommonPrefixes", ()))
        return tuple(sorted(key.removeprefix(folder) for key in names if key != folder))

    def write(self, rel: str, data: bytes) -> None:
        """Write a small object, whole."""
        self._call("put_object", Key=self.key(rel), Body=data, ContentMD5=_md5(data))

    def create(self, rel: str, data: bytes) -> bool:
        """Write a small object if there is none of that name; return False if there is."""
        try:
            self._call("put_object", Key=self.key(rel), Body=data, IfNoneMatch="*")
        except ChangedError:
            return False
        return True

    def read_aged(self, rel: str) -> tuple[bytes, float]:
        """Return a small object, and how many seconds ago at least the server says it was written.

        Raises:
            MissingError: there is none of that name.
        """
        filesystem = self.filesystem
        read: Any = sync(  # typed as if it returned nothing
            filesystem.loop, filesystem.read_whole, self.bucket, self.key(rel)
        )
        data, answer = read
        # Both dates are cut to whole seconds.
        age_s = (_server_time(answer) - answer["LastModified"]).total_seconds() - 1
        return data, max(0.0, age_s)

    def upload(self, local: Path, rel: str) -> str:
        """Write a file of any size; return its sha256. Nothing shows before all of it is there.

        Each part goes with its MD5, which the server checks; in the end the object's size is
        asked for. An upload that fails is taken back.

        Raises:
            BucketError: it could not be written, or not all of it arrived.
            OSError: the file can't be read.
        """
        size_bytes = local.stat().st_size
        digest = hashlib.sha256()
        if size_bytes <= PART_BYTES:
            data = local.read_bytes()
            digest.update(data)
            self.write(rel, data)
        else:
            self._upload_parts(local, size_bytes, self.key(rel), digest)
        found = self.find(rel)
        arrived = found.version.size_bytes if found else 0
        if arrived != size_bytes:
            raise BucketError(
                errno.EIO, f"{arrived} of {size_bytes} bytes arrived", "Look at the server."
            )
        return digest.hexdigest()

    def remove(self, rel: str) -> None:
        """Remove an object, and all that lies under its name; there may be nothing."""
        self._call("delete_object", Key=self.key(rel))
        keys = [found.version.key for found in self.walk(rel)]
        for some in batched(keys, _DELETED_AT_ONCE):
            self._delete(some)

    def abort_uploads(self, *, older_than: timedelta = UPLOAD_AGE) -> int:
        """Take back the uploads under the prefix that were begun long ago; return how many.

        Their parts take space, and show nowhere. Ages are told by the server's clock.
        """
        aborted = 0
        for upload, now in self._uploads():
            if now - upload["Initiated"] >= older_than:
                self._abort(upload["Key"], upload["UploadId"])
                aborted += 1
        return aborted

    def check_reachable(self) -> None:
        """Raise unless the server answers, and these keys may list what is under the prefix."""
        self.is_folder()

    def _call(self, method: str, **arguments: Any) -> Any:
        return self.filesystem.call_s3(method, Bucket=self.bucket, **arguments)

    def _pages(self, **arguments: Any) -> Iterator[Mapping[str, Any]]:
        while True:
            page: Mapping[str, Any] = self._call("list_objects_v2", **arguments)
            yield page
            if not page.get("IsTruncated"):
                return
            arguments["ContinuationToken"] = page["NextContinuationToken"]

    def _upload_parts(self, local: Path, size_bytes: int, key: str, digest: Any) -> None:
        part_bytes = max(PART_BYTES, -(-size_bytes // _MAX_PARTS))
        upload: str = self._call("create_multipart_upload", Key=key)["UploadId"]
        try:
            with local.open("rb") as file, ThreadPoolExecutor(_PARTS_AT_ONCE) as pool:
                etags: list[str] = []
                while some := _read_parts(file, part_bytes, digest):
                    numbers = range(len(etags) + 1, len(etags) + 1 + len(some))
                    etags += pool.map(partial(self._upload_part, key, upload), numbers, some)
            self._complete(key, upload, etags)
        except BaseException:
            self._abort(key, upload)
            raise

    def _upload_part(self, key: str, upload: str, number: int, data: bytes) -> str:
        part = self._call(
            "upload_part",
            Key=key,
            UploadId=upload,
            PartNumber=number,
            Body=data,
            ContentMD5=_md5(data),
        )
        return str(part["ETag"])

    def _complete(self, key: str, upload: str, etags: Sequence[str]) -> None:
        parts = [{"PartNumber": n, "ETag": etag} for n, etag in enumerate(etags, start=1)]
        try:
            self._call(
                "complete_multipart_upload",
                Key=key,
                UploadId=upload,
                MultipartUpload={"Parts": parts},
            )
        except MissingError:
            # Where the answer was lost and the request made again, the upload is no more; then
            # the object is ours, as its etag says, which is one of the parts' etags.
            head: Mapping[str, Any] = self._call("head_object", Key=key)
            if head["ETag"] != _joined(etags):
                raise

    def _abort(self, key: str, upload: str) -> None:
        """Take an upload back; where that fails, too, maintenance does it later."""
        try:
            self._call("abort_multipart_upload", Key=key, UploadId=upload)
        except BucketError:
            return

    def _uploads(self) -> Iterator[tuple[Mapping[str, Any], datetime]]:
        """Yield the uploads under way, each with the server's time."""
        arguments: dict[str, Any] = {"Prefix": _folder(self.prefix)}
        while True:
            page: Mapping[str, Any] = self._call("list_multipart_uploads", **arguments)
            now = _server_time(page)
            for upload in page.get("Uploads", ()):
                if upload["Key"].startswith(arguments["Prefix"]):
                    yield upload, now
            if not page.get("IsTruncated"):
                return
            arguments["KeyMarker"] = page["NextKeyMarker"]
            arguments["UploadIdMarker"] = page["NextUploadIdMarker"]

    def _delete(self, keys: Sequence[str]) -> None:
        wanted = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        answer: Mapping[str, Any] = self._call("delete_objects", Delete=wanted)
        refused = answer.get("Errors", ())
        if refused:
            raise BucketError(
                errno.EACCES,
                f"{len(refused)} of {len(keys)} objects can't be deleted"
                f" ({refused[0].get('Code', 'no reason given')})",
                "Grant these keys Delete on the lake.",
            )


def _server_time(answer: Mapping[str, Any]) -> datetime:
    """Return when the server gave an answer, by its own clock."""
    return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])


def _folder(key: str) -> str:
    """Return the prefix of all keys that lie under a key."""
    return f"{key}/" if key else ""


def _md5(data: bytes) -> str:
    return b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def _joined(etags: Sequence[str]) -> str:
    """Return the etag that an object made of parts gets, where parts' are their MD5."""
    try:
        md5s = b"".join(bytes.fromhex(etag.strip('"')) for etag in etags)
    except ValueError:
        return ""
    return f'"{hashlib.md5(md5s, usedforsecurity=False).hexdigest()}-{len(etags)}"'


def _read_parts(file: BinaryIO, part_bytes: int, digest: Any) -> list[bytes]:
    """Read as many parts as are uploaded at once, or what is left of them."""
    parts: list[bytes] = []
    while len(parts) < _PARTS_AT_ONCE and (data := file.read(part_bytes)):
        digest.update(data)
        parts.append(data)
    return parts
