"""The job: list, subtract what is done, do the rest in waves, commit each wave."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence

from fsp_ray import __version__
from fsp_ray.core.errors import FailureReason, SourceError
from fsp_ray.core.progress import Phase, ProgressListener, RunSummary
from fsp_ray.lake import Lake, Lease, SourceVideo, check_source, may_pass, stage_video
from fsp_ray.models import install_pack
from fsp_ray.raydata import metrics
from fsp_ray.raydata.cluster import cluster
from fsp_ray.raydata.request import RunRequest
from fsp_ray.raydata.tally import Tally
from fsp_ray.raydata.wave import Report, Wave
from fsp_ray.raydata.waves import waves
from fsp_ray.raydata.workers import RunContext
from fsp_ray.raydata.worklist import Worklist, plan
from fsp_ray.stages.results import Row, VideoResult
from fsp_ray.stages.shelf import Shelf


def anonymize(request: RunRequest, listener: ProgressListener) -> RunSummary:
    """Do what is left of an archive, alone on the lake.

    Raises:
        BusyError: another run is at work on the lake.
        SourceError, LakeError, PackError, ClusterError: the run itself can't go on; what its
            finished waves committed stays.
    """
    tally = Tally(request, listener)
    if request.dry_run:
        tally.begin(plan(request))
        return tally.summary()
    lake = Lake.create(request.lake)
    with lake.leased(tally.run_id, wait_s=request.wait_s, waiting=tally.waiting) as lease:
        return _Run(request, tally, lake, lease).go()


class _Run:
    """One run, which holds the lake."""

    def __init__(self, request: RunRequest, tally: Tally, lake: Lake, lease: Lease) -> None:
        self._request = request
        self._tally = tally
        self._lake = lake
        self._lease = lease

    def go(self) -> RunSummary:
        """Do what there is to do; if that is nothing, nothing is written.

        What dead runs have left is biometric, and goes in any case: one that was killed when all
        was done has left it to a run that has nothing to do.
        """
        work = plan(self._request)
        self._tally.begin(work)
        prunes = self._request.deleted in ("prune", "prune-most") and bool(work.deleted)
        if prunes:
            self._check_source_is_there(work)
        if work.todo or prunes:
            self._lake.commit_run(self._tally.row(finished=False))
            if prunes:
                self._lake.erase(work.deleted)
                self._tally.withdrew(len(work.deleted))
            if work.todo:
                self._do(work)
            self._lease.check()
            self._lake.commit_run(self._tally.row(finished=True))
        if not work.todo:
            self._lake.collect_staging()
        return self._tally.end()

    def _check_source_is_there(self, work: Worklist) -> None:
        """Raise if so much is gone that the source, rather than its videos, is."""
        if self._request.deleted == "prune" and len(work.deleted) > work.present:
            raise SourceError(
                f"{len(work.deleted)} of the lake's videos are gone from {self._request.source},"
                f" and {work.present} are still there: is that all of it? Nothing was done.",
                advice="Check that its disk is mounted; --prune-most withdraws them nevertheless.",
            )

    def _do(self, work: Worklist) -> None:
        request = self._request
        install_pack(request.settings.pack)  # fails here and once, not video by video
        origins = {source.video_id: self._origin(source) for source in work.todo}
        with (
            self._lake.staging(self._tally.run_id, origins) as staging,
            cluster(request.address, request.wishes) as share,
        ):
            context = RunContext(
                run_id=self._tally.run_id,
                lake=request.lake,
                staging=str(staging),
                settings=request.settings,
                secret=self._secret(),
                share=share,
                stall_s=request.stall_s,
            )
            metrics.set_workers(share.workers)
            shelf = Shelf(staging)
            for sources in waves(work.todo, workers=share.workers):
                for source in sources:
                    stage_video(staging, source.video_id, origins[source.video_id])
                wave = Wave(context, report=self._report())
                self._one(wave, sources, work.attempts)
                shelf.put([source.video_id for source in sources])
            metrics.set_workers(0)

    def _one(
        self,
        wave: Wave,
        sources: Sequence[SourceVideo],
        attempts: Mapping[str, int],
    ) -> None:
        """Do the videos of one wave, and commit their rows."""
        planned = wave.plan(sources)
        self._tally.planned(
            shards=sum(len(video.shards) for video in planned),
            frames=sum(video.info.num_frames for video in planned),
        )
        results = wave.run(sources, planned)
        if all(result.reason.startswith(FailureReason.UNREADABLE) for result in results):
            # All of them at once: the rest of the archive need not be tried if it is gone.
            check_source(self._request.source)
        self._commit(results, attempts)
        self._tally.finished(results, wave.seconds)

    def _commit(self, results: Sequence[VideoResult], attempts: Mapping[str, int]) -> None:
        self._lease.check()
        for result in results:
            if result.status != "published":  # an earlier version must not outlive its rows
                self._lake.withdraw(result.source.path)
        self._lake.commit(
            videos=[_counted(result, attempts) for result in results],
            persons=[row for result in results for row in result.persons],
            tracks=[row for result in results for row in result.tracks],
            audit=[row for result in results for row in result.audit],
        )
        metrics.count_videos(results)

    def _report(self) -> Report:
        def report(phase: Phase, shards: int, frames: int) -> None:
            self._lease.check()  # or hours of work could be in vain
            self._tally.shards(phase, shards, frames)

        return report

    def _secret(self) -> bytes:
        seed = self._request.seed
        return secrets.token_bytes(32) if seed is None else seed.to_bytes(32, "big")

    def _origin(self, source: SourceVideo) -> str:
        """Return all that what is staged of a video hangs on."""
        settings = self._request.settings
        of = {
            "lake": self._lake.uri,
            "version": __version__,
            "pack": settings.pack,
            "settings": settings.hash,
            "fingerprint": source.fingerprint,
            "stamp": source.stamp,
        }
        return json.dumps(of, sort_keys=True)


def _counted(result: VideoResult, attempts: Mapping[str, int]) -> Row:
    """Return the video's row with how often in a row it failed so."""
    if not may_pass(result.reason):
        return result.video
    return {**result.video, "attempts": attempts.get(result.source.video_id, 0) + 1}
