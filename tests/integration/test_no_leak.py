"""No frame shows a face of the source: stepped through one by one, also where detectors fail.

Drawn by the stages as they are, without Ray. The audit that would patch what still shows is left
out: this is what analysing and rendering achieve alone.
"""

from __future__ import annotations

import itertools
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import numpy as np
import pytest

from fsp_ray.audit import likeness
from fsp_ray.core.ages import Gender
from fsp_ray.core.config import RunSettings
from fsp_ray.core.face_types import F32, U8, FaceBatch, HeadView, SourceFace, SyntheticFace
from fsp_ray.core.protocols import Choice, FaceDetector, FaceReading, Models
from fsp_ray.faces import iou, nms
from fsp_ray.faces.fitting import fit_from_detections
from fsp_ray.lake import list_source
from fsp_ray.lake.media import LocalMedia
from fsp_ray.models import load_models
from fsp_ray.stages.analyse_shard import analyse_shard
from fsp_ray.stages.plan_video import plan_video
from fsp_ray.stages.render_shard import render_shard
from fsp_ray.stages.resolve_persons import resolve_persons
from fsp_ray.stages.results import PlannedVideo
from fsp_ray.stages.staging import Staging, segment_name
from fsp_ray.swap import MeshSwapper
from fsp_ray.synthesis import BankGenerator, FaceBank
from fsp_ray.video import SegmentWriter, decode, probe
from tests.fakes.samples import carphone

CLIPS = Path(__file__).parents[2].parent / "shared" / "data" / "videos"
SETTINGS = RunSettings(preset="ultrafast")
SURE: Final = 0.5
FAILING: Final = 0.3
Known = defaultdict[str, dict[int, F32]]


@dataclass(frozen=True)
class FailingDetector:
    """Sees nothing in 30 % of all frames; which ones, their pixels and the seed decide."""

    detector: FaceDetector
    seed: int

    def detect(self, rgb: U8) -> FaceBatch:
        digest = zlib.crc32(np.ascontiguousarray(rgb[:, ::7, ::5]).tobytes())
        found = self.detector.detect(rgb)
        if np.random.default_rng([digest, self.seed]).uniform() >= FAILING:
            return found
        return FaceBatch(found.frame_index[:0], found.xyxy[:0], found.kps[:0], found.det_score[:0])


class FirstChooser:
    """Takes the first face it draws: whom it is like does not matter here."""

    def __init__(self) -> None:
        self._generator = BankGenerator(FaceBank.default())

    def choose(
        self,
        person_id: str,
        age_years: float,
        gender: Gender,
        source: SourceFace,
        views: Sequence[HeadView],
        rng: np.random.Generator,
        **_: object,
    ) -> Choice:
        face = self._generator.generate(person_id, age_years, gender, source, rng)
        return Choice(face, FaceReading(()))

    def read(
        self, face: SyntheticFace, source: SourceFace, views: Sequence[HeadView]
    ) -> FaceReading:
        return FaceReading(())


@pytest.fixture(scope="module")
def models() -> Models:
    return load_models("open")


@pytest.fixture(scope="module")
def known() -> Known:
    """The faces in the source frames, by clip and frame."""
    return defaultdict(dict)


def failing(models: Models, seed: int) -> Any:
    """Return the models with detectors that fail, each in frames of its own."""
    roles = ("detector", "recall_detector", "hint_detector", "second_detector")
    broken = {
        role: FailingDetector(getattr(models, role), 10 * seed + n) for n, role in enumerate(roles)
    }
    whole = ("landmarker", "matcher", "attributes")
    return SimpleNamespace(**broken, **{role: getattr(models, role) for role in whole})


def draw(path: Path, folder: Path, models: Any, *, shard: int | None = None) -> PlannedVideo:
    """Analyse, resolve and render a clip, or one of its shards; return what was planned."""
    (source,) = list_source(str(path))
    planned = plan_video(source, SETTINGS)
    if shard is not None:
        planned = replace(planned, shards=planned.shards[shard : shard + 1])
    staging = Staging(folder)
    for part in planned.shards:
        analyse_shard(source.media, planned.info, part, staging, models=models, settings=SETTINGS)
    resolve_persons(
        planned,
        staging,
        chooser=FirstChooser(),
        same_person_distance=models.matcher.same_person_distance,
        secret=b"a test",
    )
    for part in planned.shards:
        render_shard(
            source.media, planned.info, part, staging, settings=SETTINGS, swapper=MeshSwapper()
        )
    return planned


def pairs(planned: PlannedVideo, folder: Path) -> Iterator[tuple[U8, U8]]:
    """Return every frame before and after, u8[H, W, 3] each."""
    for shard in planned.shards:
        path = Staging(folder).reading(segment_name(shard.shard_id))
        media = LocalMedia(str(path), path.name)
        info = probe(media, video_id="after", limits=SETTINGS.limits)
        before = (f for b in decode(planned.source.media, planned.info, shard) for f in b.rgb)
        after = (f for b in decode(media, info) for f in b.rgb)
        yield from zip(before, after, strict=True)


def faces_in(models: Models, rgb: U8) -> F32:
    """Return f32[M, 4]: what either detector is sure of, if a mesh or another net agrees."""
    parts = [models.detector.detect(rgb[None]), models.recall_detector.detect(rgb[None])]
    found = FaceBatch(*(np.concatenate([getattr(p, n) for p in parts]) for n in FIELDS))
    keep = nms(found.xyxy, found.det_score, max_iou=0.5)
    keep = keep[found.det_score[keep] >= SURE]
    found = FaceBatch(*(getattr(found, n)[keep] for n in FIELDS))
    fits = fit_from_detections(models.landmarker, rgb, found, range(len(found)))
    second = models.second_detector.detect(rgb[None]).xyxy
    agreed = iou(found.xyxy, second).max(axis=1, initial=0) > 0.35
    return found.xyxy[[i for i in range(len(found)) if i in fits or agreed[i]]]


FIELDS: Final = ("frame_index", "xyxy", "kps", "det_score")


@dataclass(frozen=True)
class Search:
    """Faces looked at, and those of them that still show, as (frame, box)."""

    faces: int
    leaks: tuple[tuple[int, tuple[int, ...]], ...]


def search(models: Models, frames: Iterator[tuple[U8, U8]], known: dict[int, F32]) -> Search:
    """Step through every frame and look whether a face of the source is left.

    `known` keeps the faces of the clip's frames: they are the same whatever was drawn.
    """
    leaks: list[tuple[int, tuple[int, ...]]] = []
    count = 0
    for number, (before, after) in enumerate(frames):
        if number not in known:
            known[number] = faces_in(models, before)
        boxes = known[number]
        count += len(boxes)
        shown = boxes[likeness(before, after, boxes).shows_original]
        leaks += [(number, tuple(int(v) for v in box)) for box in shown]
    return Search(count, tuple(leaks))


def encoded(planned: PlannedVideo, folder: Path, frames: int) -> Iterator[tuple[U8, U8]]:
    """Return the first frames and themselves after nothing but encoding."""
    path = folder / "encoded.mkv"
    with SegmentWriter(path, planned.info, crf=28, preset="ultrafast") as writer:
        for batch in itertools.islice(decode(planned.source.media, planned.info), 2):
            writer.write(batch)
    media = LocalMedia(str(path), path.name)
    info = probe(media, video_id="encoded", limits=SETTINGS.limits)
    before = (f for b in decode(planned.source.media, planned.info) for f in b.rgb)
    after = (f for b in decode(media, info) for f in b.rgb)
    return itertools.islice(zip(before, after, strict=False), frames)


def clip(name: str) -> Path:
    path = CLIPS / name
    if not path.is_file():
        pytest.skip(f"{name} is not among the evaluation media")
    return path


def test_the_search_finds_every_face_that_was_merely_encoded(
    models: Models, known: Known, tmp_path: Path
) -> None:
    (source,) = list_source(str(carphone()))
    found = search(models, encoded(plan_video(source, SETTINGS), tmp_path, 20), known["car"])
    assert found.faces >= 20
    assert len(found.leaks) == found.faces


@pytest.mark.parametrize("seed", [None, 1])
def test_no_frame_of_a_steady_face_shows_it(
    models: Models, known: Known, tmp_path: Path, seed: int | None
) -> None:
    seeing = models if seed is None else failing(models, seed)
    planned = draw(carphone(), tmp_path, seeing)
    found = search(models, pairs(planned, tmp_path), known["car"])
    assert found.faces >= planned.info.num_frames
    assert found.leaks == ()


@pytest.mark.shared_data
@pytest.mark.parametrize("seed", [None, 1])
def test_no_frame_of_a_face_that_turns_away_and_back_shows_it(
    models: Models, known: Known, tmp_path: Path, seed: int | None
) -> None:
    seeing = models if seed is None else failing(models, seed)
    planned = draw(clip("Silwan_Stillwone_3.mp4"), tmp_path, seeing)
    found = search(models, pairs(planned, tmp_path), known["turning"])
    assert found.faces >= 130
    assert found.leaks == ()


# A first run without a second look: heads out of focus that detectors see for a frame or two, in
# flashes, at cuts. The audit, which looks at every frame that it patches, finds what is left.
@pytest.mark.shared_data
@pytest.mark.parametrize(("seed", "allowed"), [(None, 0.005), (1, 0.03)])
def test_hardly_a_face_of_a_crowd_out_of_focus_is_left_to_the_audit(
    models: Models, known: Known, tmp_path: Path, seed: int | None, allowed: float
) -> None:
    seeing = models if seed is None else failing(models, seed)
    planned = draw(clip("Ben_Stiller_Owen_Wilson.mp4"), tmp_path, seeing, shard=0)
    found = search(models, pairs(planned, tmp_path), known["crowd"])
    assert found.faces >= 300
    assert len(found.leaks) <= allowed * found.faces
