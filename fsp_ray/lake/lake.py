"""One lake: published videos, tables, staging. The face of this room."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from fsp_ray.core.errors import LakeError
from fsp_ray.lake import layout
from fsp_ray.lake.commit import commit_run, commit_videos
from fsp_ray.lake.delta import create_tables
from fsp_ray.lake.demographics import Counts, Dimension, demographics
from fsp_ray.lake.erase import erase, withdraw
from fsp_ray.lake.fingerprints import Remembered, is_worth_remembering, load_memory, save_memory
from fsp_ray.lake.lease import Lease, leased
from fsp_ray.lake.ledger import Ledger, LedgerEntry, read_ledger
from fsp_ray.lake.maintenance import KEPT_HOURS, Maintenance, maintain
from fsp_ray.lake.media import LocalMedia
from fsp_ray.lake.query import query
from fsp_ray.lake.rows import Row
from fsp_ray.lake.sources import Listing, OnSkip, Selection, list_source, log_skip
from fsp_ray.lake.staging import collect_staging, staging
from fsp_ray.lake.storage import Storage
from fsp_ray.lake.verify import Depth

# Delta decodes %XX in a path, takes a backslash for a slash, and refuses the others; at some of
# them only when rows are appended, and then it panics.
_NO_PLACE: Final = re.compile(r"%[0-9A-Fa-f]{2}|[\\\[\]^|\x00-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Lake:
    """A lake at a local path or an s3:// URI. Picklable; made by `open` or `create`."""

    storage: Storage

    @classmethod
    def exists(cls, uri: str) -> bool:
        """Return True if there is a lake."""
        return _storage(uri).exists(layout.MARKER)

    @classmethod
    def open(cls, uri: str) -> Lake:
        """Open a lake that exists.

        Raises:
            LakeError: not a lake, or one of a newer fsp_ray.
        """
        storage = _storage(uri)
        if not storage.exists(layout.MARKER):
            what = "holds other files" if storage.names() else "is missing or empty"
            raise LakeError(
                f"{storage.root} is not a lake: it {what}.",
                advice="Check the path; fsp anonymize SOURCE LAKE makes a lake.",
            )
        try:
            version = int(json.loads(storage.read_bytes(layout.MARKER))["version"])
        except (ValueError, KeyError, TypeError) as error:
            raise LakeError(
                f"{storage.uri(layout.MARKER)} is damaged.",
                advice=f'Write {{"version": {layout.LAYOUT_VERSION}}} into it.',
            ) from error
        if version != layout.LAYOUT_VERSION:
            raise LakeError(
                f"{storage.root} has layout {version}, this program knows {layout.LAYOUT_VERSION}.",
                advice="Use the version of fsp_ray that made it, or a newer one.",
            )
        return cls(storage)

    @classmethod
    def create(cls, uri: str) -> Lake:
        """Make a lake, or open the one that is there. Safe to race.

        Raises:
            LakeError: the folder holds other files, or can't be written.
        """
        storage = _storage(uri)
        if not storage.exists(layout.MARKER):
            # Not even an empty-looking mix: publishing could overwrite a file of somebody's.
            ours = {layout.MARKER, layout.STAGING}
            if set(storage.names()) - ours:
                raise LakeError(
                    f"{storage.root} holds other files, so it can't become a lake.",
                    advice="Name a folder that is empty or does not exist yet.",
                )
            marker = {
                "what": "a lake of fsp_ray: published videos and their tables",
                "version": layout.LAYOUT_VERSION,
                "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
            }
            text = json.dumps(marker, indent=2) + "\n"
            storage.write_bytes(layout.MARKER, text.encode())
        lake = cls.open(uri)
        create_tables(storage)
        return lake

    @property
    def uri(self) -> str:
        """Absolute path or s3:// URI."""
        return self.storage.root

    def list_source(
        self, uri: str, selection: Selection | None = None, *, on_skip: OnSkip = log_skip
    ) -> Listing:
        """List a source as `sources.list_source` does, hashing no file twice.

        Raises:
            SourceError: see there.
            LakeError: the memory of hashes can't be written.
        """
        memory = load_memory(self.storage)
        listing = list_source(uri, selection, memory=memory, on_skip=on_skip)
        learnt = {
            video.uri: Remembered(video.stamp, video.fingerprint)
            for video in listing.videos
            if isinstance(video.media, LocalMedia)
            and is_worth_remembering(video.stamp, video.fingerprint)
            and memory.get(video.uri) != Remembered(video.stamp, video.fingerprint)
        }
        if learnt:
            save_memory(self.storage, {**memory, **learnt})
        return listing

    def publish(self, local: Path, source_path: str, certificate: bytes = b"") -> str:
        """Put a finished video in its place, whole or not at all; return its URI.

        The local file stays the caller's. An earlier version is replaced in the same step. The
        certificate, if there is one, is there before the video: none stands without it.

        Raises:
            LakeError: no space, no permission, or a name that the lake can't hold.
        """
        rel = layout.published_path(source_path)
        if certificate:
            self.storage.write_bytes(layout.certificate_path(source_path), certificate)
        self.storage.put(local, rel)
        return self.storage.uri(rel)

    def withdraw(self, source_path: str) -> None:
        """Remove a published video and its certificate, if they are there."""
        withdraw(self.storage, source_path)

    def erase(self, entries: Sequence[LedgerEntry]) -> None:
        """Remove the published files and all rows of some videos.

        Raises:
            LakeError: the lake can't be written; do it again.
        """
        erase(self.storage, entries)

    def published_uri(self, source_path: str) -> str:
        """Return where the published version of a source video lies, or would."""
        return self.storage.uri(layout.published_path(source_path))

    def staging(
        self, run_id: str, wanted: Mapping[str, str] | None = None
    ) -> AbstractContextManager[Path]:
        """Give the folder of a run's intermediate files; it goes when the block ends.

        Args:
            run_id: the run.
            wanted: what to take over of dead runs; see `staging.staging`.

        Raises:
            LakeError: the folder can't be made, or the run is at work already.
        """
        return staging(self.storage, run_id, wanted)

    def leased(
        self, run_id: str, *, wait_s: float, waiting: Callable[[str], None] = lambda _: None
    ) -> AbstractContextManager[Lease]:
        """Hold the lake for a run, so that no other one works on it; see `lease.leased`.

        Raises:
            BusyError: another run holds it.
            LakeError: the lake can't be written.
        """
        return leased(self.storage, run_id, wait_s=wait_s, waiting=waiting)

    def collect_staging(self) -> tuple[str, ...]:
        """Remove the staging of runs that died; return their ids."""
        return collect_staging(self.storage)

    def ledger(self) -> Ledger:
        """Return what is done, by video_id.

        Raises:
            LakeError: the table can't be read.
        """
        return read_ledger(self.storage)

    def commit(
        self,
        *,
        videos: Sequence[Row],
        persons: Sequence[Row] = (),
        tracks: Sequence[Row] = (),
        audit: Sequence[Row] = (),
    ) -> None:
        """Replace all rows of these videos, in all tables, by these rows.

        Raises:
            LakeError: a row does not fit its table (nothing was written), or writing failed
                (each video has all of its old rows or all of its new ones; commit again).
        """
        details = {"persons": persons, "tracks": tracks, "audit": audit}
        commit_videos(self.storage, videos, details)

    def commit_run(self, run: Row) -> None:
        """Replace the row of one run.

        Raises:
            LakeError: the row does not fit its table, or writing failed.
        """
        commit_run(self.storage, run)

    def maintain(self, *, kept_hours: int = KEPT_HOURS, depth: Depth = "none") -> Maintenance:
        """Maintain the tables, and compare files with rows; see maintenance.maintain.

        Raises:
            LakeError: a table can't be read or written.
        """
        return maintain(self.storage, kept_hours=kept_hours, depth=depth)

    def query(self, sql: str) -> Any:
        """Return the answer to one SELECT over the five tables, as a pyarrow Table.

        Raises:
            LakeError: not one reading statement, an error in it, or a table can't be read.
        """
        return query(self.storage, sql)

    def demographics(
        self,
        *,
        by: Sequence[Dimension] = ("age_group", "gender"),
        since: date | None = None,
        k: int = 5,
    ) -> Any:
        """Return counts of persons as a pyarrow Table; see demographics.demographics."""
        return self.count_persons(by=by, since=since, k=k).to_arrow()

    def count_persons(
        self, *, by: Sequence[Dimension], since: date | None = None, k: int = 5
    ) -> Counts:
        """Return counts of persons, and how many were kept back; see demographics.demographics."""
        return demographics(self.storage, by=by, since=since, k=k)


def _storage(uri: str) -> Storage:
    storage = Storage.of(uri)
    if _NO_PLACE.search(storage.root):
        raise LakeError(
            f"A lake can't lie at {storage.root!r}: Delta tables don't keep such a path apart.",
            advice="Choose a path without %XX, backslashes, [, ], ^, | or control characters.",
        )
    return storage
