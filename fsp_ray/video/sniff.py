"""What the first bytes of a file give away, before any of it reaches a demuxer."""

from __future__ import annotations

import os
from typing import BinaryIO, Final

from fsp_ray.core.errors import FailureReason, VideoError

_HEAD_BYTES: Final = 4096
_COPY_AGAIN: Final = "Copy it again from where it was recorded."
_EBML: Final = 0x1A45DFA3
_SEGMENT: Final = 0x18538067
# Top-level boxes of ISO 14496-12 that a file may start with.
_FIRST_BOXES: Final = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp"}
_MAX_BOXES: Final = 1_000_000


def check_whole(file: BinaryIO, name: str) -> None:
    """Refuse what is empty, is text, or is shorter than its own structure says.

    The last matters because a cut-off MP4 whose index stands in front still announces all of its
    frames, opens, and decodes up to the cut. Leaves the file at its start.

    Raises:
        VideoError: EMPTY, NOT_A_VIDEO or TRUNCATED.
    """
    size = file.seek(0, os.SEEK_END)
    if size == 0:
        raise VideoError(FailureReason.EMPTY, f"{name} is empty.", advice=_COPY_AGAIN)
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    if _is_text(head):
        raise VideoError(
            FailureReason.NOT_A_VIDEO,
            f"{name} is text (a playlist, a session description or a document), not a video.",
            advice="Remove it from the source, or give the videos that it names.",
        )
    if head[4:8] in _FIRST_BOXES:
        _check_boxes(file, size, name)
    elif head[:4] == b"RIFF":
        _need(8 + int.from_bytes(head[4:8], "little"), size, name)
    elif int.from_bytes(head[:4], "big") == _EBML:
        _check_ebml(head, size, name)
    file.seek(0)


def _is_text(head: bytes) -> bool:
    if b"\0" in head:
        return False
    try:
        # The end may lie inside of a character.
        head[: max(1, len(head) - 3)].decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _need(end: int, size: int, name: str) -> None:
    if end > size:
        raise VideoError(
            FailureReason.TRUNCATED,
            f"{name} is cut off: it says it has {end} bytes, and {size} are there.",
            advice=_COPY_AGAIN,
        )


def _check_boxes(file: BinaryIO, size: int, name: str) -> None:
    """Walk the top-level boxes: each must end inside of the file, and one must be the index."""
    offset, indexed = 0, False
    for _ in range(_MAX_BOXES):
        if offset + 8 > size:
            break
        file.seek(offset)
        header = file.read(16)
        length, kind = int.from_bytes(header[:4], "big"), header[4:8]
        indexed |= kind == b"moov"
        if length == 1:
            length = int.from_bytes(header[8:16], "big")
        if length == 0:
            break
        if length < 8:
            # Not a box: zeros or rubbish after the last one, which players skip as well.
            break
        _need(offset + length, size, name)
        offset += length
    if not indexed:
        raise VideoError(
            FailureReason.TRUNCATED,
            f"{name} has no index (no `moov` box): the recording or the copy was not finished.",
            advice=_COPY_AGAIN,
        )


def _vint(data: bytes, offset: int) -> tuple[int | None, int]:
    """Read an EBML size at `offset`: the value (None: unknown) and where it ends."""
    first = data[offset] if offset < len(data) else 0
    if first == 0:
        return None, offset
    length = 9 - first.bit_length()
    bits = 7 * length
    value = int.from_bytes(data[offset : offset + length], "big") & ((1 << bits) - 1)
    return (None if value == (1 << bits) - 1 else value), offset + length


def _check_ebml(head: bytes, size: int, name: str) -> None:
    """Compare a Matroska segment's size with the file's (RFC 8794, RFC 9559)."""
    header, offset = _vint(head, 4)
    if header is None or int.from_bytes(head[offset + header :][:4], "big") != _SEGMENT:
        return
    segment, offset = _vint(head, offset + header + 4)
    if segment is not None:
        _need(offset + segment, size, name)
