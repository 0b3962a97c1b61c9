"""The five tables. Soft attributes and bookkeeping only: no column may hold anything biometric.

`commit_id` ties the rows of one video together. It is made by commit(), never by a caller, and
a row of persons, tracks or audit counts only while the video's row names the same commit, so
that a commit that died halfway is never seen (commit.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fsp_ray.core.ages import AGE_GROUPS, GENDERS, MAX_AGE_YEARS
from fsp_ray.core.progress import VIDEO_STATUSES
from fsp_ray.lake.schema import Column, Table

_VIDEO_ID: Final = Column("video_id", "string", "uuid5 of the path of the source video")
_PERSON_ID: Final = Column("person_id", "string", "person of this video; never across videos")
_RUN_ID: Final = Column("run_id", "string", "run that wrote this row")
_COMMIT_ID: Final = Column("commit_id", "string", "commit that wrote this row; see its video's row")

AUDIT_VERDICTS: Final = ("pass", "cover", "quarantined")

VIDEOS: Final = Table(
    "videos",
    "a source video, and how it ended",
    ("video_id",),
    (
        _VIDEO_ID,
        Column("source_path", "string", "posix path relative to the source", nullable=True),
        Column("source_uri", "string", "where the source video was read from"),
        Column("published_uri", "string", "where the published video lies", nullable=True),
        Column("status", "string", "how it ended", words=VIDEO_STATUSES),
        Column("reason", "string", "why it is not published, '<word>: <sentence>'", nullable=True),
        Column(
            "attempts",
            "int64",
            "runs in a row in which it failed for a reason that may pass; given up at 3",
            nullable=True,
            lowest=1,
        ),
        Column("fingerprint", "string", "of the source's content; another one is done again"),
        Column("pack", "string", "model pack"),
        Column("settings_hash", "string", "hash of the settings; another one is done again"),
        _RUN_ID,
        Column("finished_at", "timestamp", "when it ended"),
        Column(
            "recorded_on", "date", "day (UTC) on which the file says it was recorded", nullable=True
        ),
        Column("duration_s", "float64", "length", unit="s", nullable=True, lowest=0),
        Column("num_frames", "int64", "frames", nullable=True, lowest=1),
        Column("width", "int64", "as seen, after rotation", unit="px", nullable=True, lowest=1),
        Column("height", "int64", "as seen, after rotation", unit="px", nullable=True, lowest=1),
        Column("frame_rate", "float64", "mean rate", unit="1/s", nullable=True, lowest=0),
        Column("has_audio", "bool", "the published video has sound", nullable=True),
        Column("num_persons", "int64", "persons found", nullable=True, lowest=0),
        Column("num_faces", "int64", "faces, counted in every frame", nullable=True, lowest=0),
        Column(
            "covered_faces",
            "int64",
            "of those, covered instead of swapped",
            nullable=True,
            lowest=0,
        ),
        Column("sha256", "string", "of the published file, hex", nullable=True),
        _COMMIT_ID,
    ),
)

PERSONS: Final = Table(
    "persons",
    "a human in one video",
    ("video_id", "person_id"),
    (
        _VIDEO_ID,
        _RUN_ID,
        _PERSON_ID,
        Column("first_seen_s", "float64", "start of the first frame", unit="s", lowest=0),
        Column("last_seen_s", "float64", "end of the last frame", unit="s", lowest=0),
        Column("visible_s", "float64", "time in view", unit="s", lowest=0),
        Column("num_frames", "int64", "frames in view", lowest=0),
        # Null where no look at the face was good enough: a default would pass for a reading.
        Column(
            "age_years",
            "float64",
            "apparent age",
            unit="years",
            nullable=True,
            lowest=0,
            highest=MAX_AGE_YEARS,
        ),
        Column(
            "age_std_years",
            "float64",
            "the age read lies within this of the labelled age for about 68 % of faces",
            unit="years",
            nullable=True,
            lowest=0,
        ),
        Column("age_group", "string", "group of the apparent age", nullable=True, words=AGE_GROUPS),
        Column("gender", "string", "apparent gender", nullable=True, words=GENDERS),
        Column(
            "gender_confidence",
            "float64",
            "probability that the gender is right",
            nullable=True,
            lowest=0.5,
            highest=1,
        ),
        Column("median_face_px", "float64", "median face width", unit="px", lowest=0),
        Column("replaced", "string", "how the face went", words=("synthetic", "cover", "exempt")),
        _COMMIT_ID,
    ),
)

TRACKS: Final = Table(
    "tracks",
    "a trajectory of a face in one shot",
    ("video_id", "track_id"),
    (
        _VIDEO_ID,
        _RUN_ID,
        Column("track_id", "string", "trajectory"),
        Column("person_id", "string", "whose it is", nullable=True),
        Column("start_s", "float64", "start of the first frame", unit="s", lowest=0),
        Column("end_s", "float64", "end of the last frame", unit="s", lowest=0),
        Column("num_frames", "int64", "frames", lowest=1),
        Column("swapped_frames", "int64", "frames with the synthetic face", lowest=0),
        Column("covered_frames", "int64", "frames with the cover", lowest=0),
        Column("interpolated_frames", "int64", "frames placed between sightings", lowest=0),
        Column("mean_det_score", "float64", "mean score of its detections", lowest=0, highest=1),
        Column("median_face_px", "float64", "median face width", unit="px", lowest=0),
        _COMMIT_ID,
    ),
)

AUDIT: Final = Table(
    "audit",
    "a person, as the auditor judged the published video",
    ("video_id", "person_id"),
    (
        _VIDEO_ID,
        _RUN_ID,
        _PERSON_ID,
        Column(
            "verdict",
            "string",
            "how it ended: the synthetic face passed, the cover, or not published",
            words=AUDIT_VERDICTS,
        ),
        Column("retries", "int64", "other synthetic faces tried after the first one", lowest=0),
        Column(
            "distance_mean",
            "float64",
            "1 - cosine, published against source, same frame",
            nullable=True,
            lowest=0,
        ),
        Column(
            "distance_min",
            "float64",
            "of the closest pair, any frame against any other of the person",
            nullable=True,
            lowest=0,
        ),
        Column("threshold", "float64", "distance under which the auditor says same", lowest=0),
        Column("matched_frames", "int64", "of the frames compared, those under it", lowest=0),
        Column("rank_1", "bool", "nearest of all persons of the run", nullable=True),
        Column(
            "detected_after",
            "float64",
            "share of frames whose face is still found",
            nullable=True,
            lowest=0,
            highest=1,
        ),
        Column(
            "age_years_after",
            "float64",
            "apparent age afterwards",
            unit="years",
            nullable=True,
            lowest=0,
            highest=MAX_AGE_YEARS,
        ),
        Column(
            "gender_after", "string", "apparent gender afterwards", nullable=True, words=GENDERS
        ),
        Column("leaked_frames", "int64", "frames that show the original face", lowest=0),
        Column("auditor", "string", "recogniser that judged, with its version"),
        _COMMIT_ID,
    ),
)

RUNS: Final = Table(
    "runs",
    "a run of the job",
    ("run_id",),
    (
        _RUN_ID,
        Column("started_at", "timestamp", "start"),
        Column("finished_at", "timestamp", "end; none while it runs or if it died", nullable=True),
        Column("source", "string", "archive that it read"),
        Column("pack", "string", "model pack"),
        Column("licence", "string", "licences of the pack's models"),
        Column("settings", "json", "settings of the run; never the secret"),
        Column("settings_hash", "string", "hash of the settings", nullable=True),
        Column("version", "string", "of fsp_ray"),
        Column("published", "int64", "videos published", lowest=0),
        Column("unchanged", "int64", "videos done before", lowest=0),
        Column("quarantined", "int64", "videos that failed the audit", lowest=0),
        Column("failed", "int64", "videos that could not be done", lowest=0),
        Column("persons", "int64", "persons in published videos", nullable=True, lowest=0),
        Column("frames", "int64", "frames published", lowest=0),
        Column("faces", "int64", "faces replaced, counted in every frame", lowest=0),
        Column("seconds_by_stage", "json", "time spent by stage", unit="s", nullable=True),
    ),
)

TABLES: Final = {table.name: table for table in (VIDEOS, PERSONS, TRACKS, AUDIT, RUNS)}
DETAIL_TABLES: Final = (PERSONS, TRACKS, AUDIT)
"""Tables whose rows count only together with their video's row."""

PUBLISHED_STATUSES: Final = frozenset({"published", "unchanged"})
PUBLISHED_COLUMNS: Final = (
    "published_uri",
    "sha256",
    "duration_s",
    "num_frames",
    "width",
    "height",
    "frame_rate",
    "has_audio",
    "num_persons",
    "num_faces",
    "covered_faces",
)
"""What a published video's row must say, and the first two of which no other row may."""


def export_schemas(folder: Path) -> tuple[Path, ...]:
    """Write `<table>.json` for every table; return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = tuple(folder / f"{name}.json" for name in TABLES)
    for path, table in zip(paths, TABLES.values(), strict=True):
        path.write_text(table.as_json(), encoding="utf-8")
    return paths
