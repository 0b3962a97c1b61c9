"""Commits the rows of videos so that each video has its last rows, all of them or none.

Delta has no transaction over several tables, so a commit is ordered such that dying anywhere
leaves what readers see whole:

1. The new rows of persons, tracks and audit are appended, marked with a fresh commit_id. Nobody
   sees them: readers join through `videos` on (video_id, commit_id), and it names another.
2. The videos' rows are replaced, in one Delta transaction. From here on readers see the new rows.
3. The rows of the commits that step 2 replaced are deleted. Those, and no others: rows of
   commits that are not (yet) named may belong to somebody who is between 1 and 2.

Rows left by a commit that died between 1 and 2 are never seen; maintain() sweeps them up.
Replacing the details' rows in place, the obvious way, would lose the old rows at such a death.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from fsp_ray.core import ids
from fsp_ray.lake import delta
from fsp_ray.lake.batches import batched
from fsp_ray.lake.errors import lake_errors
from fsp_ray.lake.rows import Row, check_details, check_videos, to_arrow
from fsp_ray.lake.storage import Storage
from fsp_ray.lake.tables import DETAIL_TABLES, RUNS, VIDEOS

_compute: Final[Any] = pc  # its functions are made at import; no checker knows them

# Videos in one transaction: keeps the predicate, and what a lost race repeats, small.
CHUNK_VIDEOS: Final = 500
# No commit takes so long; rows that nobody names and that are older are debris.
DEBRIS_AGE: Final = timedelta(days=1)


def commit_videos(
    storage: Storage, videos: Sequence[Row], details: Mapping[str, Sequence[Row]]
) -> None:
    """Replace all rows of some videos by these.

    Raises:
        LakeError: a row does not fit its table (nothing was written), or writing failed (each
            video has all of its old rows or all of its new ones; commit again).
    """

    def commit() -> None:  # each time under a mark of its own
        tables = _checked(videos, details)
        video_ids = tables[VIDEOS.name].column("video_id").to_pylist()
        for chunk in batched(video_ids, CHUNK_VIDEOS):
            of_chunk = {name: _of_videos(rows, chunk) for name, rows in tables.items()}
            _commit_chunk(storage, chunk, of_chunk)

    delta.whole_answers(commit)


def commit_run(storage: Storage, run: Row) -> None:
    """Replace the row of one run.

    Raises:
        LakeError: the row does not fit the table, or writing failed.
    """
    rows = to_arrow(RUNS, [run])
    predicate = delta.any_of("run_id", rows.column("run_id").to_pylist())

    def commit() -> None:
        with lake_errors("write the table runs"):
            delta.retried(
                lambda: delta.replace(delta.open_table(storage, RUNS.name), rows, predicate)
            )

    delta.whole_answers(commit)


def sweep(storage: Storage, now: datetime | None = None) -> int:
    """Delete rows that no video's row names and that no commit in progress can own.

    Returns how many rows went.
    """
    oldest = oldest_in_progress(now or datetime.now(UTC))
    deleted = 0
    for table in DETAIL_TABLES:
        # The videos' rows come second: what was appended before and is named now is kept.
        found = _named(delta.open_table(storage, table.name))
        named = _named(delta.open_table(storage, VIDEOS.name))
        debris: defaultdict[str, list[str]] = defaultdict(list)
        for video, commit in sorted(found - named):
            if commit < oldest:
                debris[commit].append(video)
        for commit, videos in debris.items():
            for some in batched(videos, CHUNK_VIDEOS):
                deleted += delta.delete(storage, table.name, _rows_of(some, [commit]))
    return deleted


def oldest_in_progress(now: datetime) -> str:
    """Return what the ids of commits that may still be in progress sort after."""
    return (now - DEBRIS_AGE).strftime("%Y%m%dT%H%M%SZ")


def _checked(videos: Sequence[Row], details: Mapping[str, Sequence[Row]]) -> dict[str, Any]:
    """Return Arrow of all rows, marked with a new commit, or raise before anything is written."""
    mark = {"commit_id": ids.new_run_id()}  # sorts by time, unique without coordination
    check_videos(videos)
    tables = {VIDEOS.name: to_arrow(VIDEOS, [{**row, **mark} for row in videos])}
    run_ids = {row["video_id"]: row["run_id"] for row in videos}
    for table in DETAIL_TABLES:
        rows = details.get(table.name, ())
        check_details(table, rows, run_ids)
        tables[table.name] = to_arrow(table, [{**row, **mark} for row in rows])
    return tables


def _commit_chunk(storage: Storage, video_ids: Sequence[str], tables: Mapping[str, Any]) -> None:
    for table in DETAIL_TABLES:
        delta.append(storage, table.name, tables[table.name])
    replaced: set[str] = set()
    with lake_errors("write the table videos"):
        delta.retried(lambda: _replace_videos(storage, video_ids, tables[VIDEOS.name], replaced))
    if replaced:
        for table in DETAIL_TABLES:
            delta.delete(storage, table.name, _rows_of(video_ids, sorted(replaced)))


def _replace_videos(
    storage: Storage, video_ids: Sequence[str], rows: Any, replaced: set[str]
) -> None:
    """Replace the videos' rows; put the commits that the replaced rows named into `replaced`."""
    videos = delta.open_table(storage, VIDEOS.name)
    table = videos.to_pyarrow_dataset().to_table(columns=["video_id", "commit_id"])
    there = set(_of_videos(table, video_ids).column("commit_id").to_pylist())
    ours = set(rows.column("commit_id").to_pylist())
    if there == ours:
        # A first attempt went through and its answer was lost: deltalake then takes our own rows
        # for somebody else's. They are not what is to be replaced, nor their details to go.
        return
    replaced |= there - ours
    # Fails, and is done again, if somebody replaced one of the rows since they were read.
    delta.replace(videos, rows, delta.any_of("video_id", video_ids))


def _of_videos(rows: Any, video_ids: Sequence[str]) -> Any:
    chosen = _compute.is_in(rows.column("video_id"), value_set=pa.array(video_ids, pa.string()))
    return rows.filter(chosen)


def _named(table: Any) -> set[tuple[str, str]]:
    """Return the pairs of video and commit that a table has rows of."""
    marks = ["video_id", "commit_id"]
    rows = table.to_pyarrow_dataset().to_table(columns=marks).group_by(marks).aggregate([])
    return set(zip(*(rows.column(name).to_pylist() for name in marks), strict=True))


def _rows_of(video_ids: Sequence[str], commit_ids: Sequence[str]) -> str:
    return f"{delta.any_of('video_id', video_ids)} AND {delta.any_of('commit_id', commit_ids)}"
