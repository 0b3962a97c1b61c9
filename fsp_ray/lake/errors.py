"""Turns what the file system, Delta and Arrow raise into a LakeError that says what to do."""

from __future__ import annotations

import errno
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from deltalake.exceptions import DeltaError
from pyarrow import ArrowException

from fsp_ray.core.errors import LakeError

_ADVICE: Final = {
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


@contextmanager
def lake_errors(doing: str) -> Generator[None]:
    """Raise LakeError(f"Can't {doing}: …") for OSError, DeltaError and Arrow's errors."""
    try:
        yield
    except LakeError:
        raise
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0, "") or _advice(str(error))
        raise LakeError(f"Can't {doing}: {error.strerror or error}.", advice=advice) from error
    except (DeltaError, ArrowException) as error:
        text = " ".join(str(error).split())
        raise LakeError(f"Can't {doing}: {text[:500]}.", advice=_advice(text)) from error


def _advice(text: str) -> str:
    lower = text.lower()
    return next((advice for words, advice in _ADVICE_BY_TEXT.items() if words in lower), _DAMAGED)
