"""Compares a lake's files with its rows, both ways. Changes nothing.

Runs may be at work. A video is published before its row is committed, at the end of its wave, and
a row is replaced after its file: so only rows that are the same before and after the listing
count, and what is younger than a day and does not fit its row is `waiting`, not wrong. A run
that goes on commits it; if none does, it is listed a day later.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

import duckdb
import pyarrow as pa

from fsp_ray.core.errors import LakeError
from fsp_ray.lake import delta, layout
from fsp_ray.lake.batches import batched
from fsp_ray.lake.listing import listing
from fsp_ray.lake.storage import Storage
from fsp_ray.lake.tables import PUBLISHED_STATUSES, VIDEOS
from fsp_ray.lake.verify_rows import row_problems

Depth = Literal["none", "names", "hashes"]

WAITING_AGE_S: Final = 24 * 3600.0
"""A file that is younger may belong to a run that is at work."""
MOST_PROBLEMS: Final = 10_000

_AT_ONCE: Final = 8  # files that are read; hashing and waiting for servers go on beside each other
_VIDEOS_A_THREAD: Final = 64
_ROWS_A_BATCH: Final = 10_000
_FILES: Final = pa.schema([("path", pa.string()), ("bytes", pa.int64()), ("age_s", pa.float64())])


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be: a file by its path in the lake, or a table's rows."""

    path: str
    problem: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What was compared.

    Attributes:
        videos: published, by their rows.
        files: in LAKE/videos.
        hashed: published videos that were read whole.
        waiting: files and rows that do not fit (yet), and are younger than a day.
        findings: at most MOST_PROBLEMS.
        problems: how many there were.
    """

    videos: int
    files: int
    hashed: int
    waiting: int
    findings: tuple[Finding, ...]
    problems: int


@dataclass(frozen=True, slots=True)
class _Published:
    """A published video's row, and what the listing says; None if it lists no such file."""

    path: str
    sha256: str
    size_bytes: int | None
    age_s: float | None
    certificate_age_s: float | None

    @property
    def is_fresh(self) -> bool:
        """True if a run may just be replacing it: the certificate first, then the file."""
        if self.age_s is None:
            return False
        ages = [age for age in (self.age_s, self.certificate_age_s) if age is not None]
        return min(ages) < WAITING_AGE_S


def verify(storage: Storage, depth: Depth) -> Verification:
    """Verify a lake.

    Args:
        depth: `names`: files are there, certificates fit rows and sizes, rows fit one another;
            `hashes`: also, all published files are read and hashed.

    Raises:
        LakeError: the tables can't be read, or the files can't be listed.
    """
    before = _published_rows(storage)
    files = _files(storage)
    settled = _published_rows(storage)
    with duckdb.connect(":memory:") as base:
        for name, rows in (("before", before), ("settled", settled), ("files", files)):
            base.register(name, rows)
        tally = _Tally()
        _check_strays(base, tally)
        _check_published(storage, base, depth, tally)
    for problem in row_problems(storage):
        tally.find(*problem)
    return Verification(
        settled.num_rows,
        files.num_rows,
        tally.hashed,
        tally.waiting,
        tuple(tally.findings),
        tally.problems,
    )


class _Tally:
    """What was found so far."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.problems = 0
        self.waiting = 0
        self.hashed = 0

    def look(self, video: _Published, problem: str) -> None:
        """Add a published video's problem, unless it may pass."""
        if video.is_fresh:
            self.waiting += 1
        else:
            self.find(video.path, problem)

    def find(self, path: str, problem: str) -> None:
        """Add a problem."""
        self.problems += 1
        if len(self.findings) < MOST_PROBLEMS:
            self.findings.append(Finding(path, problem))


def _published_rows(storage: Storage) -> Any:
    """Return path, sha256 and commit of the published videos."""
    columns = ("source_path", "published_uri", "sha256", "commit_id", "status")
    rows = delta.read(storage, VIDEOS.name, columns)
    published = [status in PUBLISHED_STATUSES for status in rows.column("status").to_pylist()]
    rows = rows.filter(pa.array(published, pa.bool_()))
    places = zip(
        rows.column("source_path").to_pylist(),
        rows.column("published_uri").to_pylist(),
        strict=True,
    )
    paths = [_path(storage, source, uri) for source, uri in places]
    return pa.table(
        {
            "path": pa.array(paths, pa.string()),
            "sha256": rows.column("sha256"),
            "commit_id": rows.column("commit_id"),
        }
    )


def _path(storage: Storage, source_path: str | None, published_uri: str | None) -> str:
    """Return where a published video lies; the lake may have moved since."""
    if source_path:
        return layout.published_path(source_path)
    return (published_uri or "").removeprefix(storage.uri() + "/")


def _files(storage: Storage) -> Any:
    found = listing(storage, layout.VIDEOS)
    batches: list[Any] = []
    for some in batched(found, _ROWS_A_BATCH):
        columns = zip(*((file.path, file.size_bytes, file.age_s) for file in some), strict=True)
        batches.append(pa.record_batch([list(column) for column in columns], schema=_FILES))
    return pa.Table.from_batches(batches, _FILES)


def _check_strays(base: duckdb.DuckDBPyConnection, tally: _Tally) -> None:
    """Look for files that belong to no published video."""
    # A row of either moment will do: a video may be published, or withdrawn, in between.
    unknown = base.sql(
        "WITH known AS (SELECT path FROM before UNION SELECT path FROM settled),"  # noqa: S608
        f" named AS (FROM known UNION ALL SELECT path || '{layout.CERTIFICATE_SUFFIX}' FROM known)"
        " SELECT path, age_s FROM files ANTI JOIN named USING (path) ORDER BY path"
    )
    for path, age_s in _rows(unknown):
        if age_s < WAITING_AGE_S:
            tally.waiting += 1
        else:
            tally.find(path, "belongs to no published video")


def _check_published(
    storage: Storage, base: duckdb.DuckDBPyConnection, depth: Depth, tally: _Tally
) -> None:
    """Look at the files and certificates of published videos."""
    rows = base.sql(
        "SELECT settled.path, settled.sha256, video.bytes, video.age_s, paper.age_s"  # noqa: S608
        " FROM settled SEMI JOIN before USING (path, commit_id)"
        " LEFT JOIN files AS video ON video.path = settled.path"
        f" LEFT JOIN files AS paper ON paper.path = settled.path || '{layout.CERTIFICATE_SUFFIX}'"
        " ORDER BY settled.path"
    )
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        published = (_Published(*row) for row in _rows(rows))
        for some in batched(published, _AT_ONCE * _VIDEOS_A_THREAD):
            threads = list(batched(some, _VIDEOS_A_THREAD))
            for checked in pool.map(partial(_problems, storage, depth=depth), threads):
                for video, problem in checked:
                    tally.look(video, problem)
            tally.hashed += depth == "hashes" and len(some)


def _problems(
    storage: Storage, videos: Sequence[_Published], depth: Depth
) -> list[tuple[_Published, str]]:
    checked = ((video, _problem(storage, video, depth)) for video in videos)
    return [(video, problem) for video, problem in checked if problem]


def _problem(storage: Storage, video: _Published, depth: Depth) -> str:
    """Return what is wrong with a published video's files, or nothing."""
    if video.size_bytes is None:
        return "is published by its row, and is not there"
    if video.certificate_age_s is None:
        return "has no certificate"
    try:
        said = _file_by_certificate(storage, video.path + layout.CERTIFICATE_SUFFIX)
    except (LakeError, ValueError, KeyError, TypeError):
        return "has a certificate that can't be read"
    if said.get("sha256") != video.sha256:
        return "has a certificate of another sha256 than its row"
    if said.get("size_bytes") != video.size_bytes:
        return f"has {video.size_bytes} bytes, by its certificate {said.get('size_bytes')}"
    return _problem_of_content(storage, video) if depth == "hashes" else ""


def _problem_of_content(storage: Storage, video: _Published) -> str:
    try:
        digest = storage.sha256(video.path)
    except LakeError as error:
        return f"can't be read: {error.message}"
    return "" if digest == video.sha256 else "has another sha256 than its row: it was changed since"


def _file_by_certificate(storage: Storage, rel: str) -> Mapping[str, Any]:
    said: Mapping[str, Any] = json.loads(storage.read_bytes(rel))["file"]
    return said


def _rows(answer: duckdb.DuckDBPyRelation) -> Iterator[tuple[Any, ...]]:
    for batch in answer.to_arrow_table().to_batches(max_chunksize=_ROWS_A_BATCH):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
