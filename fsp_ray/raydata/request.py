"""What a run is asked to do."""

from __future__ import annotations

from dataclasses import dataclass, field

from fsp_ray.core.config import RunSettings
from fsp_ray.core.errors import SettingsError


@dataclass(frozen=True, slots=True)
class RunRequest:
    """One run of the job.

    Attributes:
        source, lake: local paths or s3:// URIs.
        settings: what changes the published videos.
        workers: actors of a stage; None for one a CPU of the cluster.
        address: Ray cluster to join; None for a local one of our own.
        limit: at most so many videos that are not done yet.
        dry_run: list what would be done, and write nothing.
        seed: for tests only; None draws a secret that is thrown away after the run.
    """

    source: str
    lake: str
    settings: RunSettings = field(default_factory=RunSettings)
    workers: int | None = None
    address: str | None = None
    limit: int | None = None
    dry_run: bool = False
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise SettingsError("--workers must be at least 1.")
        if self.limit is not None and self.limit < 0:
            raise SettingsError("--limit can't be negative.")
