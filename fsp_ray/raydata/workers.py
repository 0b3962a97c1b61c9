"""What runs inside of Ray's workers: a thin row adapter round each stage.

Every error becomes a row: a raise in a Ray Data function would end the whole run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import cv2

from fsp_ray.audit import CAUTION_RATE, FALSE_ACCEPT_RATE, Auditor
from fsp_ray.core.config import Privacy, RunSettings
from fsp_ray.core.protocols import FaceChooser, MediaSource, Models
from fsp_ray.core.video_types import Shard, VideoInfo
from fsp_ray.lake import Lake, SourceVideo
from fsp_ray.models import load_models, show_pack
from fsp_ray.raydata.frames import StoreFrames
from fsp_ray.raydata.resources import Share
from fsp_ray.raydata.rows import RayRow, failure, from_row, to_row
from fsp_ray.raydata.watchdog import STALL_S, Tombstone, patiently, watched
from fsp_ray.stages.analyse_shard import analyse_shard
from fsp_ray.stages.audit_shard import audit_shard
from fsp_ray.stages.change_faces import change_faces
from fsp_ray.stages.finish_video import finish_video
from fsp_ray.stages.judge_video import ChangeFaces, judge_video
from fsp_ray.stages.plan_video import plan_video
from fsp_ray.stages.receipts import T, once
from fsp_ray.stages.rehearse_shard import rehearse_shard
from fsp_ray.stages.render_shard import render_shard
from fsp_ray.stages.resolve_persons import resolve_persons
from fsp_ray.stages.results import (
    AnalysedShard,
    DrawnVideo,
    JudgedVideo,
    PlannedVideo,
    RehearsedShard,
    RenderedShard,
    ResolvedVideo,
)
from fsp_ray.stages.shard_frames import ShardFrames, decode_here
from fsp_ray.stages.staging import Staging
from fsp_ray.swap import MeshSwapper, SwapSettings
from fsp_ray.swap.choosing import FaceChooser as JudgedChooser
from fsp_ray.synthesis import BankGenerator, FaceBank


@dataclass(frozen=True, slots=True)
class RunContext:
    """What every worker of a run knows. `secret` is in memory alone, and goes with the run.

    `share` is what a worker takes, and who decodes for it; `stall_s` how long it may take no step.
    """

    run_id: str
    lake: str
    staging: str
    settings: RunSettings
    secret: bytes
    share: Share = field(default_factory=Share)
    stall_s: float = STALL_S

    def video_staging(self, video_id: str) -> Staging:
        """Return the staging folder of one video."""
        return Staging(Path(self.staging) / video_id)

    def frames(self, stage: str, shard: Shard) -> ShardFrames:
        """Return who decodes a shard for a stage."""
        if self.share.layout == "shards":
            return decode_here
        staging = self.video_staging(shard.video_id)
        work = f"decode/{stage}-{shard.shard_id}"
        return StoreFrames(Tombstone.of(staging, work, self.run_id), self.stall_s)

    def __repr__(self) -> str:
        """Leave the secret out of whatever prints this."""
        return f"RunContext(run_id={self.run_id!r})"


@dataclass(frozen=True, slots=True)
class ShardTask:
    """One shard to analyse or draw. `rounds` says how often its video has been judged."""

    media: MediaSource
    info: VideoInfo
    shard: Shard
    rounds: int = 0


def _guarded(context: RunContext, video_id: str, name: str, work: Callable[[], object]) -> RayRow:
    """Do a piece of work, under watch; `name` is its own for each."""
    tombstone = Tombstone.of(context.video_staging(video_id), name, context.run_id)
    try:
        with watched(tombstone, context.stall_s):
            return to_row(work())
    except Exception as error:  # noqa: BLE001 - becomes the video's row, with type and place
        return to_row(failure(video_id, error))


def _once(
    context: RunContext, staging: Staging, name: str, kind: type[T], work: Callable[[], T]
) -> RayRow:
    return _guarded(context, staging.video_id, name, lambda: once(staging, name, kind, work))


def plan_row(row: RayRow, context: RunContext) -> RayRow:
    """Probe and cut one video."""
    source: SourceVideo = from_row(row)
    return _guarded(context, source.video_id, "plan", lambda: plan_video(source, context.settings))


class Analyser:
    """Actor: loads the pack once, analyses shard after shard."""

    def __init__(self, context: RunContext) -> None:
        cv2.setNumThreads(1)  # an actor has one CPU; the frames beside it have the others
        self._context = context
        self._models: Models = load_models(context.settings.pack, threads=1)

    def __call__(self, row: RayRow) -> RayRow:
        """Analyse one shard."""
        task: ShardTask = from_row(row)
        staging = self._context.video_staging(task.shard.video_id)
        return _once(
            self._context,
            staging,
            f"analyse/{task.shard.shard_id}",
            AnalysedShard,
            lambda: analyse_shard(
                task.media,
                task.info,
                task.shard,
                staging,
                models=self._models,
                settings=self._context.settings,
                frames=self._context.frames("analyse", task.shard),
            ),
        )


def resolve_row(row: RayRow, context: RunContext) -> RayRow:
    """Link the persons of one video and choose their faces."""
    planned: PlannedVideo = from_row(row)
    staging = context.video_staging(planned.info.video_id)
    return _once(
        context,
        staging,
        "resolve",
        ResolvedVideo,
        lambda: resolve_persons(
            planned,
            staging,
            chooser=_chooser(context.settings.pack, context.settings.privacy)
            if context.settings.replace == "synthetic"
            else None,
            same_person_distance=_models(context.settings.pack).matcher.same_person_distance,
            secret=context.secret,
        ),
    )


class _Drawer:
    """Actor that draws: knows the pack and how to put faces on."""

    def __init__(self, context: RunContext) -> None:
        cv2.setNumThreads(1)
        self._context = context
        self._swapper = MeshSwapper(SwapSettings.for_privacy(context.settings.privacy))
        self._models: Models = load_models(context.settings.pack, threads=1)


class Rehearser(_Drawer):
    """Actor: rehearses shard after shard."""

    def __call__(self, row: RayRow) -> RayRow:
        """Rehearse one shard."""
        task: ShardTask = from_row(row)
        staging = self._context.video_staging(task.shard.video_id)
        return _once(
            self._context,
            staging,
            f"rehearse/{task.shard.shard_id}-{task.rounds}",
            RehearsedShard,
            lambda: rehearse_shard(
                task.media,
                task.info,
                task.shard,
                staging,
                models=self._models,
                settings=self._context.settings,
                swapper=self._swapper,
                rounds=task.rounds,
                frames=self._context.frames("rehearse", task.shard),
            ),
        )


class Renderer(_Drawer):
    """Actor: renders shard after shard, and audits what it rendered."""

    def __call__(self, row: RayRow) -> RayRow:
        """Render and audit one shard."""
        task: ShardTask = from_row(row)
        staging = self._context.video_staging(task.shard.video_id)
        return _once(
            self._context,
            staging,
            f"render/{task.shard.shard_id}-{task.rounds}",
            RenderedShard,
            lambda: self._render(task, staging),
        )

    def _render(self, task: ShardTask, staging: Staging) -> RenderedShard:
        media, info, shard, rounds = task.media, task.info, task.shard, task.rounds
        settings = self._context.settings
        frames = self._context.frames("render", shard)
        rendered = render_shard(
            media,
            info,
            shard,
            staging,
            settings=settings,
            swapper=self._swapper,
            rounds=rounds,
            frames=frames,
        )
        audited = audit_shard(
            media,
            info,
            shard,
            staging,
            models=self._models,
            settings=settings,
            rounds=rounds,
            frames=frames,
        )
        return replace(rendered, seconds={**rendered.seconds, **audited.seconds})


def judge_row(row: RayRow, context: RunContext) -> RayRow:
    """Judge one video by the rehearsal, or the audit, of its shards."""
    drawn: DrawnVideo = from_row(row)
    staging = context.video_staging(drawn.video_id)
    return _once(
        context,
        staging,
        f"judge/{drawn.rounds}",
        JudgedVideo,
        lambda: judge_video(
            drawn,
            staging,
            settings=context.settings,
            auditor=_auditor(context.settings.pack),
            change_faces=_change_faces(drawn, staging, context),
        ),
    )


def finish_row(row: RayRow, context: RunContext) -> RayRow:
    """Join, verify and publish one video, or quarantine it."""
    drawn: DrawnVideo = from_row(row)
    video_id = drawn.planned.info.video_id

    def publish(file: Path, path: str, paper: bytes) -> str:
        with patiently():  # a bucket's client has time limits of its own, and a disk may be slow
            return Lake.open(context.lake).publish(file, path, paper)

    return _guarded(
        context,
        video_id,
        "finish",
        lambda: finish_video(
            drawn,
            context.video_staging(video_id),
            settings=context.settings,
            run_id=context.run_id,
            auditor=_auditor(context.settings.pack),
            publish=publish,
        ),
    )


def _change_faces(drawn: DrawnVideo, staging: Staging, context: RunContext) -> ChangeFaces | None:
    settings = context.settings
    if settings.replace != "synthetic":
        return None
    return lambda changes: change_faces(
        drawn.planned,
        staging,
        changes,
        _chooser(settings.pack, settings.privacy),
        context.secret,
        rounds=drawn.rounds,
        max_attempts=settings.audit_retries,
    )


def _auditor(pack: str) -> Auditor:
    """Who judges, by name and version."""
    entry = next(model for model in show_pack(pack).models if "auditor" in model.roles)
    distance = _models(pack).auditor.match_distance
    return Auditor(
        f"{entry.name} ({entry.wheel} {entry.wheel_version})",
        threshold=distance(FALSE_ACCEPT_RATE),
        caution=distance(CAUTION_RATE),
    )


@cache
def _chooser(pack: str, privacy: Privacy) -> FaceChooser:
    """One bank and one set of judges a worker process."""
    cv2.setNumThreads(1)  # a task has one CPU
    swap = SwapSettings.for_privacy(privacy)
    generator = BankGenerator(FaceBank.default())
    return JudgedChooser.from_models(generator, MeshSwapper(swap), _models(pack), swap=swap)


@cache
def _models(pack: str) -> Models:
    return load_models(pack, threads=1)
