"""The distances by false accept rate, on people that they were not measured on.

They were measured on half of the people, by the hash of the file's name; these are of the other.
"""

from __future__ import annotations

import hashlib
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from fsp_ray.faces.geometry import rois_from_detections, rois_from_landmarks
from tests.unseen.recogniser import unseen_or_skip

PORTRAITS = Path(__file__).parents[2].parent / "shared" / "data" / "utkface"
PEOPLE = 240
ADULT_YEARS = 15
# Pairs that share a face go together, so the share wavers more than that of so many coins.
TOLERANCE = {0.001: 2.2, 0.01: 1.5}

pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(not PORTRAITS.is_dir(), reason=f"needs {PORTRAITS.name} in shared data"),
]


def other_half():
    """Yield portraits of adults in an order that says nothing of age, sex or origin."""
    digests = {path: hashlib.sha1(path.name.encode()).hexdigest() for path in PORTRAITS.iterdir()}
    for path in sorted(digests, key=digests.__getitem__):
        age = path.name.split("_")[0]
        if int(digests[path], 16) % 2 and age.isdigit() and int(age) >= ADULT_YEARS:
            yield path


def mesh(models, rgb):
    faces = models.detector.detect(rgb[None])
    if len(faces) != 1:
        return None
    first = models.landmarker.landmarks(rgb, rois_from_detections(faces.xyxy, faces.kps))
    found = models.landmarker.landmarks(rgb, rois_from_landmarks(first.points))
    return found if found.presence[0] > 0.5 else None


@pytest.fixture(scope="module")
def portraits(models):
    pictures = (np.ascontiguousarray(cv2.imread(str(p))[:, :, ::-1]) for p in other_half())
    found = ((rgb, mesh(models, rgb)) for rgb in pictures)
    return list(islice(((rgb, points) for rgb, points in found if points is not None), PEOPLE))


@pytest.mark.parametrize("who", ["matcher", "auditor", "unseen"])
def test_as_many_pairs_of_others_match_as_it_says(who, models, portraits):
    embedder = unseen_or_skip() if who == "unseen" else getattr(models, who)
    vectors = np.concatenate([embedder.embed(rgb, points) for rgb, points in portraits])
    distance = (1 - vectors @ vectors.T)[np.triu_indices(len(vectors), 1)]
    for far, factor in TOLERANCE.items():
        share = (distance < embedder.match_distance(far)).mean()
        assert far / factor < share < far * factor, (far, share)
