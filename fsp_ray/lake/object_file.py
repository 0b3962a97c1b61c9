"""An object as a file to read in, by range requests: one version of it, from first to last byte."""

from __future__ import annotations

import io
import os
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fsspec.asyn import sync

from fsp_ray.lake.connection import bucket_filesystem

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import WriteableBuffer

BLOCK_BYTES: Final = 1 << 20
"""What one request reads: an index, or a second of a large video."""
_BLOCKS: Final = 64


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """One version of an object.

    Attributes:
        etag: as the server says it, in its quotes.
    """

    bucket: str
    key: str
    etag: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class _Block:
    """A piece of a version."""

    version: ObjectVersion
    number: int


class _Blocks:
    """The blocks that this process read last, of all objects.

    A video is opened some six times in a row, by one worker: a small one is asked for once.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[_Block, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, block: _Block, load: Callable[[], bytes]) -> bytes:
        """Return a block, loading it if need be."""
        with self._lock:
            data = self._kept.get(block)
            if data is not None:
                self._kept.move_to_end(block)
                return data
        data = load()  # two may load the same one: neither waits for the other
        with self._lock:
            self._kept[block] = data
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return data


_blocks: Final = _Blocks(_BLOCKS)


class ObjectFile(io.RawIOBase):
    """One version of an object, opened for reading with seeking.

    Every request says which version it is about: where another one takes its place, the next
    read raises ChangedError, and no file is ever made of two.
    """

    def __init__(self, version: ObjectVersion) -> None:
        super().__init__()
        self._version = version
        self._at = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return where the next byte comes from."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place; see io.IOBase."""
        starts = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._version.size_bytes}
        at = starts[whence] + offset
        if at < 0:
            raise ValueError("a place before the start")
        self._at = at
        return at

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill the buffer, but for the end of the object; see io.RawIOBase.

        Raises:
            ChangedError: another version took this one's place.
            BucketError: it can't be read.
        """
        wanted = memoryview(buffer).cast("B")
        filled = 0
        while filled < len(wanted) and self._at < self._version.size_bytes:
            number, offset = divmod(self._at, BLOCK_BYTES)
            piece = self._block(number)[offset : offset + len(wanted) - filled]
            wanted[filled : filled + len(piece)] = piece
            self._at += len(piece)
            filled += len(piece)
        return filled

    def _block(self, number: int) -> bytes:
        version = self._version
        start = number * BLOCK_BYTES
        stop = min(start + BLOCK_BYTES, version.size_bytes)

        def load() -> bytes:
            filesystem = bucket_filesystem()
            data: Any = sync(  # typed as if it returned nothing
                filesystem.loop,
                filesystem.read_range,
                version.bucket,
                version.key,
                start,
                stop,
                version.etag,
            )
            return data

        return _blocks.get(_Block(version, number), load)
