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


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """How one source video ended last time. Texts that the row does not have are empty."""

    video_id: str
    source_uri: str
    published_uri: str
    status: str
    reason: str
    fingerprint: str
    pack: str
    settings_hash: str
    sha256: str

    @property
    def is_published(self) -> bool:
        """True if there is a published version."""
        return self.status in PUBLISHED_STATUSES

    def is_done(self, *, fingerprint: str, pack: str, settings_hash: str) -> bool:
        """Return True if doing it again would end the same way.

        That is so for the same content, pack and settings, unless it failed for a reason that
        may have passed.
        """
        same = (self.fingerprint, self.pack, self.settings_hash) == (
            fingerprint,
            pack,
            settings_hash,
        )
        return same and not self.reason.startswith(PASSING_REASONS)


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
        values = {name: self._rows.column(name)[place].as_py() or "" for name in _COLUMNS}
        return LedgerEntry(**values)

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
