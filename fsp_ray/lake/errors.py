"""Turns what the file system, Delta and Arrow raise into a LakeError that says what to do."""

from __future__ import annotations

import errno
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

from deltalake.exceptions import DeltaError
from pyarrow import ArrowException

from fsp_ray.core.errors import LakeError
from fsp_ray.lake.bucket_errors import BucketError, is_cut_short, is_plain, quoted, scrubbed

_ADVICE: Final = {
    errno.ENOENT: "Look whether the disk that it lies on is mounted, then run again.",
    errno.ENOSPC: "Free some space; nothing half-written was left. Then run again.",
    errno.EDQUOT: "The quota is used up. Free some space, then run again.",
    errno.EACCES: "Grant this user read and write permission on the lake.",
    errno.EPERM: "Grant this user read and write permission on the lake.",
    errno.EROFS: "The file system is mounted read-only; choose another lake.",
    errno.ENAMETOOLONG: "Rename the source file: its name gets up to 4 bytes longer in the lake.",
}
# deltalake hands the operating system's sentence on as text.
_ADVICE_BY_TEXT: Final = {
    "no space left": _ADVICE[errno.ENOSPC],
    "permission denied": _ADVICE[errno.EACCES],
    "read-only file system": _ADVICE[errno.EROFS],
}
_DAMAGED: Final = (
    "If it happens again, a table's files are damaged: restore the lake's tables/ folder from a"
    " backup, or delete that folder and run again."
)
_LONGEST: Final = 500


class CutShortError(LakeError):
    """A server's answer to deltalake broke off: whether what was asked for was done is unknown."""


@contextmanager
def lake_errors(doing: str) -> Generator[None]:
    """Raise LakeError(f"Can't {doing}: …") for what files, buckets, Delta and Arrow raise.

    No key, token or signature that a server quotes gets into the error, nor into its cause.
    """
    try:
        yield
    except LakeError:
        raise
    except BucketError as error:
        raise LakeError(f"Can't {doing}: {error.strerror}.", advice=error.advice) from error
    except _server_errors() as error:  # of somebody who speaks to the server without PatientS3
        from fsp_ray.lake.bucket_answers import os_error  # noqa: PLC0415 - see there

        clean = os_error(error, doing)
        advice = clean.advice if isinstance(clean, BucketError) else ""
        raise LakeError(f"Can't {doing}: {clean.strerror}.", advice=advice) from _fit(error)
    except (OSError, DeltaError, ArrowException) as error:
        raise _by_text(doing, error) from _fit(error)


def _server_errors() -> tuple[type[Exception], ...]:
    """Return what a bucket's libraries raise beside OSError: nothing, where none is loaded."""
    answers: Any = sys.modules.get("fsp_ray.lake.bucket_answers")
    return answers.NOT_OS_ERRORS if answers else ()


def _fit(error: Exception) -> Exception | None:
    """Return an error as the cause of another, unless its text may not be shown."""
    return error if is_plain(error) else None


def _by_text(doing: str, error: Exception) -> LakeError:
    """Return the error for one that has no more than a number and a text."""
    text = str(error)
    sentence, advice = quoted(text)
    if not sentence:
        sentence = scrubbed(text)[:_LONGEST].rstrip(".")
        lower = text.lower()
        advice = next((a for words, a in _ADVICE_BY_TEXT.items() if words in lower), _DAMAGED)
    if isinstance(error, OSError):
        sentence = error.strerror or sentence
        advice = _ADVICE.get(error.errno or 0, advice)
    kind = CutShortError if is_cut_short(text) else LakeError
    return kind(f"Can't {doing}: {sentence}.", advice=advice)
