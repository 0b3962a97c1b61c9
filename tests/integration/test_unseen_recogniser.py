"""Can a recogniser that took part in nothing tell whom a face was put over? On real clips.

Both comparisons count: against the original of the same frame, and against the original of
another frame, which is what somebody who looks for a person has. Nothing is audited here, so the
figures say how good the faces themselves are.

As in `test_promise`, the bounds are what a program that just keeps its promise exceeds once in a
hundred times. Two looks at one person count as two; since they are alike, it is a bit oftener.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest

from fsp_ray.core.face_types import HeadView, Landmarks
from fsp_ray.faces.geometry import box_from_points, rois_from_detections, rois_from_landmarks
from fsp_ray.models import load_models
from fsp_ray.swap import MeshSwapper, SwapSettings
from fsp_ray.swap.choosing import FaceChooser
from fsp_ray.synthesis import BankGenerator, FaceBank, SourceFaceBuilder
from tests.fakes.bounds import at_most
from tests.unseen.recogniser import unseen_or_skip

CLIPS = Path(__file__).parents[2].parent / "shared" / "data" / "videos"
PLACES = (0.2, 0.35, 0.5, 0.65, 0.8)  # of the clip's length
JUDGED = (1, 3)  # of PLACES; the face is chosen on the others
FAR = 0.01
MIN_FACE_PX = 50

pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.slow,
    pytest.mark.skipif(not CLIPS.is_dir(), reason="needs the clips of the shared data"),
]


@dataclass
class Head:
    """One person in all of PLACES: pictures round the head, and meshes in their pixels."""

    centre: tuple[float, float]
    width_px: float
    looks: list[tuple[np.ndarray, Landmarks]] = field(default_factory=list)


@pytest.fixture(scope="module")
def models():
    return load_models("open")


def pictures(clip):
    video = cv2.VideoCapture(str(clip))
    for place in PLACES:
        video.set(cv2.CAP_PROP_POS_FRAMES, int(place * video.get(cv2.CAP_PROP_FRAME_COUNT)))
        found, bgr = video.read()
        if found:
            yield np.ascontiguousarray(bgr[:, :, ::-1])


def meshes(models, rgb):
    faces = models.detector.detect(rgb[None])
    first = models.landmarker.landmarks(rgb, rois_from_detections(faces.xyxy, faces.kps))
    found = models.landmarker.landmarks(rgb, rois_from_landmarks(first.points))
    return found.points[found.presence > 0.8]


def round_head(rgb, points):
    x1, y1, x2, y2 = box_from_points(points[None])[0]
    left, top = (max(0, int(v)) for v in (2 * x1 - x2, 2 * y1 - y2))
    cut = np.ascontiguousarray(rgb[top : int(2 * y2 - y1), left : int(2 * x2 - x1)])
    moved = points - np.array([left, top, 0], np.float32)
    return cut, Landmarks(moved[None], np.ones(1, np.float32))


def people(models, clip):
    """Return who is in the same place in all pictures and surely one person."""
    heads: list[Head] = []
    for nth, rgb in enumerate(pictures(clip)):
        for points in meshes(models, rgb):
            x1, y1, x2, y2 = box_from_points(points[None])[0]
            centre, width = ((x1 + x2) / 2, (y1 + y2) / 2), x2 - x1
            if nth == 0 and width >= MIN_FACE_PX:
                heads.append(Head(centre, width))
            for head in heads:
                near = np.hypot(centre[0] - head.centre[0], centre[1] - head.centre[1])
                if len(head.looks) == nth and near < head.width_px:
                    head.looks.append(round_head(rgb, points))
    return [head for head in heads if is_one_person(models.matcher, head)]


def is_one_person(matcher, head):
    if len(head.looks) < len(PLACES):
        return False
    vectors = np.concatenate([matcher.embed(*look) for look in head.looks])
    return (1 - vectors @ vectors.T).max() < matcher.match_distance(0.001)


def published(models, chooser, swapper, head, name):
    """Return the JUDGED looks with a face of nobody on."""
    known = [look for nth, look in enumerate(head.looks) if nth not in JUDGED]
    builder = SourceFaceBuilder()
    for rgb, mesh in known:
        builder.add(rgb, mesh.points[0], 1.0)
    source = builder.build()
    ages = [models.attributes.estimate(rgb, mesh) for rgb, mesh in known]
    age = float(np.median([float(a.age_years[0]) for a in ages]))
    female = float(np.mean([float(a.female_probability[0]) for a in ages])) > 0.5
    views = [HeadView(rgb, mesh.points[0], 1.0) for rgb, mesh in known]
    rng = np.random.default_rng(len(name))
    choice = chooser.choose(name, age, "female" if female else "male", source, views, rng)
    session = swapper.session(choice.face, source)
    for nth in JUDGED:
        rgb, mesh = head.looks[nth]
        drawn = rgb.copy()
        session.apply(drawn, mesh.points[0])
        yield drawn, mesh


def test_who_was_replaced_is_not_recognised(models):
    unseen = unseen_or_skip()
    settings = SwapSettings.for_privacy("standard")
    swapper = MeshSwapper(settings)
    chooser = FaceChooser.from_models(
        BankGenerator(FaceBank.default()), swapper, models, swap=settings
    )
    before, after = [], []
    for clip in sorted(CLIPS.glob("*.mp4")):
        for head in people(models, clip):
            looks = published(models, chooser, swapper, head, clip.stem)
            after.append(np.concatenate([unseen.embed(*look) for look in looks]))
            before.append(np.concatenate([unseen.embed(*head.looks[n]) for n in JUDGED]))
    old, new = np.stack(before), np.stack(after)  # [people, looks, D]
    threshold = unseen.match_distance(FAR)
    untouched = 1 - (old[:, 0] * old[:, 1]).sum(axis=-1)
    same = 1 - (new * old).sum(axis=-1)
    other = 1 - (new * old[:, ::-1]).sum(axis=-1)
    assert len(old) >= 15
    assert (untouched < threshold).mean() > 0.9  # else it recognises nobody anyway
    assert int((same < threshold).sum()) <= at_most(0.1, same.size)
    assert int((other < threshold).sum()) <= at_most(0.05, other.size)
