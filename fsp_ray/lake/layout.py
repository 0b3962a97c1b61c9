"""Every path of a lake. All are posix paths relative to the lake's root.

```
_fsp_lake.json                              marks the folder as a lake, with the layout's version
videos/<path of the source>.mp4             published videos
videos/<path of the source>.mp4.json        beside each, its certificate
tables/{videos,persons,tracks,audit,runs}/  Delta tables
_lease/<number>.json                        which run is at work on it
_staging/<run_id>/                          of one run; gone after it
_staging/publishing/                        videos on their way to their place
_cache/fingerprints.parquet                 what local files' hashes were; may be deleted any time
```
"""

from __future__ import annotations

import re
from typing import Final

from fsp_ray.core.errors import LakeError

LAYOUT_VERSION: Final = 1
MARKER: Final = "_fsp_lake.json"
VIDEOS: Final = "videos"
TABLES: Final = "tables"
LEASES: Final = "_lease"
STAGING: Final = "_staging"
PUBLISHING: Final = f"{STAGING}/publishing"
FINGERPRINTS: Final = "_cache/fingerprints.parquet"

VIDEO_SUFFIXES: Final = frozenset(
    {
        ".3g2",
        ".3gp",
        ".avi",
        ".m2ts",
        ".m4v",
        ".mj2",
        ".mkv",
        ".mov",
        ".mp4",
        ".mts",
        ".ts",
        ".webm",
    }
)
"""Suffixes, in lower case, of containers that the decoder is allowed to open."""

CERTIFICATE_SUFFIX: Final = ".json"

# A folder whose name could be a published video's or its certificate's, or that an earlier escape
# made.
_VIDEO_LIKE_FOLDER: Final = re.compile(r"\.mp4(\.json)?(\.d)*$")


def has_video_suffix(name: str) -> bool:
    """Return True if a file name ends like a video that can be decoded, in any case."""
    stem, dot, suffix = name.rpartition(".")
    return bool(stem) and dot + suffix.lower() in VIDEO_SUFFIXES


def published_path(source_path: str) -> str:
    """Return where the published version of a source video lies.

    Injective, and no published path is a folder of another: files always end in `.mp4`, and
    folders never do (`.d` is appended to those that would, or that would be named like a
    certificate). A name that ends in `.mp4` stays,
    unless what is before it is a video's name itself (`clip.mov.mp4` gets another `.mp4`, for
    `clip.mov.mp4` is where `clip.mov` goes); every other name gets `.mp4` appended.

    Raises:
        LakeError: not a normal relative posix path of a file with a video's suffix.
    """
    *folders, name = source_path.split("/")
    if any(part in {"", ".", ".."} or "\0" in part for part in (*folders, name)):
        raise LakeError(f"{source_path!r} is not a relative path that a lake can hold.")
    if not has_video_suffix(name):
        raise LakeError(
            f"{source_path!r} has no video's suffix.",
            advice=f"Known are {' '.join(sorted(VIDEO_SUFFIXES))}.",
        )
    stays = name.endswith(".mp4") and not has_video_suffix(name.removesuffix(".mp4"))
    published = name if stays else name + ".mp4"
    return "/".join((VIDEOS, *map(_published_folder, folders), published))


def certificate_path(source_path: str) -> str:
    """Return where the certificate of a source video's published version lies.

    Raises:
        LakeError: as `published_path`.
    """
    return published_path(source_path) + CERTIFICATE_SUFFIX


def _published_folder(name: str) -> str:
    return name + ".d" if _VIDEO_LIKE_FOLDER.search(name) else name


def table_path(table: str) -> str:
    """Return the folder of a Delta table."""
    return f"{TABLES}/{table}"


def staging_path(run_id: str) -> str:
    """Return the staging folder of one run.

    Raises:
        LakeError: the run id could lead out of the staging folder.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", run_id) or run_id == "publishing":
        raise LakeError(f"{run_id!r} is no run id.", advice="Make one with core.ids.new_run_id().")
    return f"{STAGING}/{run_id}"
