"""No frame shows a face of the source: stepped through one by one, also where detectors fail.

Published by the stages as they are, without Ray: analysed, rehearsed, drawn, and audited until the
audit is through. Then detectors that do not fail look for faces in every frame of the source, and
none of them may show.
"""

from __future__ import annotations

import itertools
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import cv2
import numpy as np
import pytest

from fsp_ray.audit import Auditor, likeness
from fsp_ray.core.ages import Gender
from fsp_ray.core.config import RunSettings
from fsp_ray.core.face_types import (
    F32,
    U8,
    FaceBatch,
    HeadView,
    Landmarks,
    SourceFace,
    SyntheticFace,
)
from fsp_ray.core.protocols import Choice, FaceDetector, FaceReading, FaceSwapper, Models
from fsp_ray.faces import iou, nms
from fsp_ray.faces.fitting import fit_from_detections
from fsp_ray.lake import list_source
from fsp_ray.lake.media import LocalMedia
from fsp_ray.models import load_models
from fsp_ray.stages.analyse_shard import analyse_shard
from fsp_ray.stages.audit_shard import audit_shard
from fsp_ray.stages.judge_video import judge_video
from fsp_ray.stages.judgements import load_judgement
from fsp_ray.stages.plan_video import plan_video
from fsp_ray.stages.rehearse_shard import rehearse_shard
from fsp_ray.stages.render_shard import render_shard
from fsp_ray.stages.resolve_persons import resolve_persons
from fsp_ray.stages.results import DrawnVideo, PlannedVideo
from fsp_ray.stages.staging import Staging, segment_name
from fsp_ray.swap import MeshSwapper
from fsp_ray.synthesis import BankGenerator, FaceBank
from fsp_ray.video import SegmentWriter, decode, probe
from fsp_ray.video.sample import write_sample
from tests.fakes.samples import carphone

CLIPS = Path(__file__).parents[2].parent / "shared" / "data" / "videos"
SETTINGS = RunSettings(preset="ultrafast")
SURE: Final = 0.5
FAILING: Final = 0.3
Known = defaultdict[str, dict[int, F32]]


def fingerprint(rgb: U8) -> int:
    return zlib.crc32(np.ascontiguousarray(rgb[:, ::7, ::5]).tobytes())


@dataclass(frozen=True)
class Remembering:
    """Looks at each picture once: many look at the same ones in these tests."""

    detector: FaceDetector
    found: dict[int, FaceBatch] = field(default_factory=dict[int, FaceBatch])

    def detect(self, rgb: U8) -> FaceBatch:
        key = hash((rgb.shape, fingerprint(rgb)))
        if key not in self.found:
            self.found[key] = self.detector.detect(rgb)
        return self.found[key]


@dataclass(frozen=True)
class FailingDetector:
    """Sees nothing in a share of all pictures; which ones, their pixels and the seed decide."""

    detector: FaceDetector
    seed: int
    share: float

    def detect(self, rgb: U8) -> FaceBatch:
        found = self.detector.detect(rgb)
        if np.random.default_rng([fingerprint(rgb), self.seed]).uniform() >= self.share:
            return found
        return FaceBatch(found.frame_index[:0], found.xyxy[:0], found.kps[:0], found.det_score[:0])


class Painter:
    """Paints faces over, in no time: in a crowd, it is finding them that matters."""

    def session(self, face: SyntheticFace, source: SourceFace) -> Painter:
        return self

    def apply(self, rgb: U8, points: F32) -> None:
        hull = cv2.convexHull(np.round(points[:, :2]).astype(np.int32))
        cv2.fillConvexPoly(rgb, hull, (128, 90, 60))


class Forgetful:
    """An auditor who recognises nobody, in no time: who is who does not matter in a crowd."""

    dimensions = 8
    same_person_distance = 0.1

    def match_distance(self, far: float) -> float:
        return 0.1

    def embed(self, rgb: U8, landmarks: Landmarks) -> F32:
        vectors = np.random.default_rng(fingerprint(rgb[None])).normal(size=(len(landmarks), 8))
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


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


DETECTORS: Final = ("detector", "recall_detector", "hint_detector", "second_detector")


@pytest.fixture(scope="module")
def models() -> Any:
    """The pack, with detectors that remember."""
    pack = load_models("open", threads=2)
    whole = ("landmarker", "matcher", "attributes", "auditor")
    return SimpleNamespace(
        **{role: Remembering(getattr(pack, role)) for role in DETECTORS},
        **{role: getattr(pack, role) for role in whole},
        judges=pack.judges,
    )


@pytest.fixture(scope="module")
def known() -> Known:
    """The faces in the source frames, by clip and frame."""
    return defaultdict(dict)


def failing(models: Any, seed: int, share: float = FAILING) -> Any:
    """Return the models with detectors that fail, each in frames of its own."""
    broken = {
        role: FailingDetector(getattr(models, role), 10 * seed + n, share)
        for n, role in enumerate(DETECTORS)
    }
    return SimpleNamespace(**{**vars(models), **broken})


def publish(
    path: Path,
    folder: Path,
    models: Any,
    *,
    swapper: FaceSwapper | None = None,
    auditing: Any = None,
) -> PlannedVideo:
    """Analyse, resolve, draw, audit and judge a clip until the audit is through with it."""
    (source,) = list_source(str(path))
    planned = plan_video(source, SETTINGS)
    media, info, staging = source.media, planned.info, Staging(folder)
    for part in planned.shards:
        analyse_shard(media, info, part, staging, models=models, settings=SETTINGS)
    resolved = resolve_persons(
        planned,
        staging,
        chooser=FirstChooser(),
        same_person_distance=models.matcher.same_person_distance,
        secret=b"a test",
    )
    limits = [models.auditor.match_distance(far) for far in (0.001, 0.01)]
    auditor = Auditor("test", threshold=min(limits), caution=max(limits))
    stages = Stages(staging, swapper or MeshSwapper(), auditing or models, auditor)
    drawn = DrawnVideo(planned, resolved.persons, (), is_rehearsed=True)
    drawn = replace(stages.until_judged(drawn, stages.rehearse), is_rehearsed=False)
    drawn = stages.until_judged(drawn, stages.render)
    assert load_judgement(staging, drawn.rounds).reason == ""
    return planned


@dataclass(frozen=True)
class Stages:
    """Rehearses, renders and judges."""

    staging: Staging
    swapper: FaceSwapper
    models: Any
    auditor: Auditor

    def until_judged(self, drawn: DrawnVideo, draw: Callable[..., None]) -> DrawnVideo:
        again = {part.shard_id for part in drawn.planned.shards}
        while again:
            for part in drawn.planned.shards:
                if part.shard_id in again:
                    what = (drawn.planned.source.media, drawn.planned.info, part, self.staging)
                    draw(*what, settings=SETTINGS, rounds=drawn.rounds)
            judged = judge_video(
                drawn, self.staging, settings=SETTINGS, auditor=self.auditor, change_faces=None
            )
            again, drawn = set(judged.again), replace(drawn, rounds=judged.rounds)
        return drawn

    def rehearse(self, *what: Any, **how: Any) -> None:
        rehearse_shard(*what, models=self.models, swapper=self.swapper, **how)

    def render(self, *what: Any, **how: Any) -> None:
        render_shard(*what, swapper=self.swapper, **how)
        audit_shard(*what, models=self.models, **how)


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


def excerpt(path: Path, folder: Path, *spans: range) -> Path:
    """Write some frames of a clip: those with what a test is about."""
    (source,) = list_source(str(path))
    info = plan_video(source, SETTINGS).info
    frames = (rgb for batch in decode(source.media, info) for rgb in batch.rgb)
    chosen = (rgb for number, rgb in enumerate(frames) if any(number in span for span in spans))
    write_sample(folder / path.name, chosen, frame_rate=round(info.frame_rate))
    return folder / path.name


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One who talks in a car."""
    return excerpt(carphone(), tmp_path_factory.mktemp("steady"), range(60))


@pytest.fixture(scope="module")
def turning(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two, behind a visor, that turn to the front and shut their helmets."""
    path, folder = clip("Silwan_Stillwone_3.mp4"), tmp_path_factory.mktemp("turning")
    return excerpt(path, folder, range(26), range(58, 74))


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Heads out of focus that detectors see for a frame or two, in a flash, at a cut."""
    path, folder = clip("Ben_Stiller_Owen_Wilson.mp4"), tmp_path_factory.mktemp("crowd")
    return excerpt(path, folder, range(68, 82), range(122, 140))


def clip(name: str) -> Path:
    path = CLIPS / name
    if not path.is_file():
        pytest.skip(f"{name} is not among the evaluation media")
    return path


def test_the_search_finds_every_face_that_was_merely_encoded(
    models: Any, known: Known, steady: Path, tmp_path: Path
) -> None:
    (source,) = list_source(str(steady))
    found = search(models, encoded(plan_video(source, SETTINGS), tmp_path, 20), known["steady"])
    assert found.faces >= 20
    assert len(found.leaks) == found.faces


@pytest.mark.parametrize("seed", [None, 1])
def test_no_frame_of_a_steady_face_shows_it(
    models: Any, known: Known, steady: Path, tmp_path: Path, seed: int | None
) -> None:
    planned = publish(steady, tmp_path, _seeing(models, seed))
    found = search(models, pairs(planned, tmp_path), known["steady"])
    assert found.faces >= planned.info.num_frames
    assert found.leaks == ()


def test_what_a_blind_analysis_does_not_see_the_audit_does(
    models: Any, known: Known, steady: Path, tmp_path: Path
) -> None:
    blind = failing(models, 1, share=1)
    planned = publish(steady, tmp_path, blind, auditing=models)
    found = search(models, pairs(planned, tmp_path), known["steady"])
    assert found.faces >= planned.info.num_frames
    assert found.leaks == ()


@pytest.mark.shared_data
@pytest.mark.parametrize("seed", [None, 1])
def test_no_frame_of_a_face_that_turns_away_and_back_shows_it(
    models: Any, known: Known, turning: Path, tmp_path: Path, seed: int | None
) -> None:
    planned = publish(turning, tmp_path, _seeing(models, seed))
    found = search(models, pairs(planned, tmp_path), known["turning"])
    assert found.faces >= 65
    assert found.leaks == ()


@pytest.mark.slow
@pytest.mark.shared_data
@pytest.mark.parametrize("seed", [None, 2])
def test_no_frame_of_a_crowd_out_of_focus_shows_a_face(
    models: Any, known: Known, crowd: Path, tmp_path: Path, seed: int | None
) -> None:
    models = SimpleNamespace(**{**vars(models), "auditor": Forgetful()})
    planned = publish(crowd, tmp_path, _seeing(models, seed), swapper=Painter())
    found = search(models, pairs(planned, tmp_path), known["crowd"])
    assert found.faces >= 70
    assert found.leaks == ()


def _seeing(models: Any, seed: int | None) -> Any:
    return models if seed is None else failing(models, seed)
