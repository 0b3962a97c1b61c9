"""What a run is asked to do."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from fsp_ray.core.config import RunSettings
from fsp_ray.core.errors import SettingsError
from fsp_ray.lake import Selection
from fsp_ray.raydata.resources import LayoutWish, Wishes
from fsp_ray.raydata.watchdog import STALL_S

Deleted = Literal["ignore", "report", "prune", "prune-most"]
"""What to do about videos that the source has no more. `prune` withdraws them from the lake, unless
they are most of it: a disk that is not mounted looks like that. `prune-most` does so then, too."""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """One run of the job.

    Attributes:
        source, lake: local paths or s3:// URIs.
        settings: what changes the published videos.
        workers: actors of a stage; None for as many as the cluster has room for.
        address: Ray cluster to join; None for a local one of our own.
        selection: which videos of the source are meant.
        limit: at most so many videos that are not done yet.
        retry_failed: do those again, too, that were given up.
        deleted: what to do about videos that the source has no more.
        wait_s: how long to wait for another run on the lake to end.
        dry_run: list what would be done, and write nothing.
        seed: for tests only; None draws a secret that is thrown away after the run.
        cpus_per_worker, gpus_per_worker: of each; may be fractions.
        layout: who decodes, see `resources.Layout`; `auto` lets the cluster's nodes decide. What is
            published is the same.
        stall_s: a video that takes no step for so long is given up.
    """

    source: str
    lake: str
    settings: RunSettings = field(default_factory=RunSettings)
    workers: int | None = None
    address: str | None = None
    limit: int | None = None
    dry_run: bool = False
    seed: int | None = None
    cpus_per_worker: float = 1
    gpus_per_worker: float = 0
    layout: LayoutWish = "auto"
    stall_s: float = STALL_S
    selection: Selection = field(default_factory=Selection)
    retry_failed: bool = False
    deleted: Deleted = "ignore"
    wait_s: float = 0

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 0:
            raise SettingsError("--limit can't be negative.")
        if not math.isfinite(self.wait_s) or self.wait_s < 0:
            raise SettingsError("--wait can't be negative.")
        if not math.isfinite(self.stall_s) or self.stall_s <= 0:
            raise SettingsError("stall_s must be positive.")
        _ = self.wishes  # checks itself

    @property
    def wishes(self) -> Wishes:
        """What is asked of the cluster."""
        return Wishes(self.workers, self.cpus_per_worker, self.gpus_per_worker, self.layout)
