"""What is done: the columns of `videos` that decide whether a source video is to be done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fsp_ray.core.errors import FailureReason
from fsp_ray.lake.delta import read
from fsp_ray.lake.storage import Storage
from fsp_ray.lake.tables import PUBLISHED_STATUSES, VIDEOS

PASSING_REASONS: Final = (FailureReason.WORKER, FailureReason.UNREADABLE, FailureReason.CHANGED)
"""Why a video may have failed that can go away without the file being changed."""

MAX_ATTEMPTS: Final = 3
"""Runs in a row in which a video may fail for such a reason. It is not tried again by itself."""


def may_pass(reason: str) -> bool:
    """Return True if a video that failed for a reason may not fail again."""
    return reason.startswith(PASSING_REASONS)


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """How one source video ended last time. Texts that the row does not have are empty.

    `attempts` counts the runs in a row in which it failed for a reason that may pass.
    """

    video_id: str
    source_path: str
    source_uri: str
    published_uri: str
    status: str
    reason: str
    fingerprint: str
    pack: str
    settings_hash: str
    sha256: str
    attempts: int

    @property
    def is_published(self) -> bool:
        """True if there is a published version."""
        return self.status in PUBLISHED_STATUSES

    def is_same(self, *, fingerprint: str, pack: str, settings_hash: str) -> bool:
        """Return True if it was done with the same content, pack and settings."""
        return (self.fingerprint, self.pack, self.settings_hash) == (
            fingerprint,
            pack,
            settings_hash,
        )

    @property
    def may_pass(self) -> bool:
        """True if it failed for a reason that can go away without the file being changed."""
        return may_pass(self.reason)

    @property
    def is_final(self) -> bool:
        """True if the same content, pack and settings would hardly end in another way."""
        return not self.may_pass or self.attempts >= MAX_ATTEMPTS


_COLUMNS: Final = tuple(LedgerEntry.__dataclass_fields__)


class Ledger(Mapping[str, LedgerEntry]):
    """LedgerEntry by video_id, of one moment. Held in Arrow's memory, some 500 bytes a video."""

    __slots__ = ("_places", "_rows")

    def __init__(self, rows: Any) -> None:
        """Hold a pyarrow Table with the entries' columns."""
        self._rows = rows
        self._places = {
            video: place for place, video in enumerate(rows.column("video_id").to_pylist())
        }

    def __getitem__(self, video_id: str) -> LedgerEntry:
        place = self._places[video_id]
        values: dict[str, Any] = {name: self._rows.column(name)[place].as_py() for name in _COLUMNS}
        texts = {name: value or "" for name, value in values.items() if name != "attempts"}
        return LedgerEntry(**texts, attempts=values["attempts"] or 0)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def read_ledger(storage: Storage) -> Ledger:
    """Read the ledger.

    Raises:
        LakeError: the table is missing or damaged.
    """
    return Ledger(read(storage, VIDEOS.name, _COLUMNS).combine_chunks())
