"""What a worker does with a row: rehearse it; render and audit it, in every round."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fsp_ray.audit import CAUTION_RATE, FALSE_ACCEPT_RATE, Patch
from fsp_ray.core.config import RunSettings
from fsp_ray.models import load_models
from fsp_ray.raydata import workers
from fsp_ray.raydata.rows import from_row, to_row
from fsp_ray.raydata.workers import Rehearser, Renderer, RunContext, ShardTask
from fsp_ray.stages.audit_findings import (
    ShardFindings,
    findings_name,
    load_findings,
    rehearsal_name,
)
from fsp_ray.stages.judgements import Judgement, save_judgement
from fsp_ray.stages.results import RehearsedShard, RenderedShard
from fsp_ray.stages.staging import Staging, segment_name
from tests.fakes.audits import FakeModels
from tests.fakes.shards import PaintSwapper, Staged, meshed_track, stage_clip

SETTINGS = RunSettings(preset="ultrafast", shard_frames=1000)


class Shop:
    """A staged clip of one shard, and workers with fakes in their hands."""

    def __init__(self, folder: Path) -> None:
        clip = stage_clip(folder, settings=SETTINGS)
        self.context = RunContext("r", str(folder / "lake"), str(folder), SETTINGS, b"secret")
        staging: Staging = self.context.video_staging(clip.planned.info.video_id)
        self.clip = Staged(clip.planned, staging, SETTINGS)
        self.clip.tracks([meshed_track("t", self.clip.pts, (60, 60, 50))])
        self.clip.plan({"t": "p"})
        self.shard = clip.planned.shards[0]

    def work(self, worker: type[Rehearser | Renderer], *, rounds: int = 0) -> object:
        task = ShardTask(self.clip.planned.source.media, self.clip.planned.info, self.shard, rounds)
        return from_row(worker(self.context)(to_row(task)))

    def findings(self) -> ShardFindings:
        return load_findings(self.clip.staging.reading(findings_name(self.shard.shard_id)))

    def segment(self) -> str:
        return self.clip.staging.sha256(segment_name(self.shard.shard_id))


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setattr(workers, "MeshSwapper", lambda _: PaintSwapper())
    monkeypatch.setattr(workers, "load_models", lambda *_, **__: FakeModels())
    return Shop(tmp_path)


def test_what_is_rehearsed_is_not_rendered(shop: Shop) -> None:
    done = shop.work(Rehearser)
    assert isinstance(done, RehearsedShard)
    staging, shard_id = shop.clip.staging, shop.shard.shard_id
    assert load_findings(staging.reading(rehearsal_name(shard_id))).segment == ""
    assert not (staging.root / segment_name(shard_id)).exists()
    assert not (staging.root / findings_name(shard_id)).exists()


def test_what_is_rendered_is_audited_and_what_is_rendered_again_is_audited_again(
    shop: Shop,
) -> None:
    done = shop.work(Renderer)
    assert isinstance(done, RenderedShard)
    assert {"swap", "encode", "audit", "audit_decode"} <= done.seconds.keys()
    first = shop.segment()
    assert shop.findings().segment == first
    box = (120.0, 20.0, 170.0, 80.0)
    patch = Patch(shop.clip.pts[0], shop.clip.pts[-1], box)
    save_judgement(shop.clip.staging, 1, Judgement(patches=(patch,)))
    shop.work(Renderer, rounds=1)
    assert shop.findings().segment == shop.segment() != first


def test_the_auditor_judges_by_both_distances_of_the_pack() -> None:
    auditor, recogniser = workers._auditor("open"), load_models("open").auditor
    assert auditor.threshold == recogniser.match_distance(FALSE_ACCEPT_RATE)
    assert auditor.caution == recogniser.match_distance(CAUTION_RATE)
    assert auditor.threshold < auditor.caution
