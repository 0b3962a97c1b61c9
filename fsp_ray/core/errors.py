"""Errors that a caller can name. Each carries one sentence for the reader and what to do next.

No message may hold anything biometric: no embedding, crop, landmark or seed.
"""

from __future__ import annotations

import enum


class FailureReason(enum.StrEnum):
    """Why a source video could not be published; the word in `videos.reason` before the colon."""

    EMPTY = "empty"
    NOT_A_VIDEO = "not_a_video"
    UNSUPPORTED = "unsupported"
    TRUNCATED = "truncated"
    DECODE = "decode_error"
    ENCODE = "encode_error"
    LIMIT = "over_limit"
    UNREADABLE = "unreadable"
    CHANGED = "changed_during_run"
    VERIFY = "verification_failed"
    UNCOVERED = "face_not_covered"
    WORKER = "worker_error"


class FspError(Exception):
    """Base of all errors that this project raises on purpose.

    `advice` says what the reader can do about it; it is printed after the message.
    """

    def __init__(self, message: str, *, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.message} {self.advice}".strip()


class VideoError(FspError):
    """One video can't be done. It becomes its row in `videos`; the run goes on."""

    def __init__(self, reason: FailureReason, message: str, *, advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.reason = reason

    def __reduce__(self) -> tuple[object, ...]:
        """Rebuild with the reason when Ray carries the error between processes."""
        return (_rebuild_video_error, (self.reason, self.message, self.advice))


def _rebuild_video_error(reason: FailureReason, message: str, advice: str) -> VideoError:
    return VideoError(reason, message, advice=advice)


class PackError(FspError):
    """A model pack is missing, incomplete, altered, or unknown."""


class LakeError(FspError):
    """The lake can't be read or written."""


class BusyError(FspError):
    """Another run is at work on the lake."""


class SourceError(FspError):
    """The source folder or bucket can't be listed."""


class SettingsError(FspError):
    """A setting or argument makes no sense."""


class BankError(FspError):
    """A face bank can't be read, or can't be built from the pictures given."""
