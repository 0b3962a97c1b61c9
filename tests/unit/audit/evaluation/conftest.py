"""Six people cut out of a sample picture, as labelled portraits; models of the open pack."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from fsp_ray.audit.evaluation.portraits import Reading
from fsp_ray.core.protocols import Models
from fsp_ray.models import load_models
from tests.fakes.samples import group_photo

# Made up: nobody in the picture was asked.
LABELS = ("24_1_2_", "31_0_2_", "42_1_2_", "19_0_2_", "55_1_2_", "27_0_2_")


@pytest.fixture(scope="session")
def models() -> Models:
    return load_models("open")


@pytest.fixture(scope="session")
def portraits(models: Models, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like UTKFace of six people, and a file that is none of it."""
    folder = tmp_path_factory.mktemp("faces")
    rgb = np.ascontiguousarray(cv2.imread(str(group_photo()))[:, :, ::-1])
    faces = models.detector.detect(rgb[None])
    assert len(faces) >= len(LABELS)
    for number, (label, box) in enumerate(zip(LABELS, faces.xyxy[: len(LABELS)], strict=True)):
        center, half = (box[:2] + box[2:]) / 2, float((box[2:] - box[:2]).max()) * 0.8
        x1, y1 = np.maximum(center - half, 0).astype(int)
        x2, y2 = (center + half).astype(int)
        cut = cv2.resize(rgb[y1:y2, x1:x2], (200, 200), interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(folder / f"{label}{number}.png"), cut[:, :, ::-1])
    (folder / "readme.txt").write_text("no picture")
    return folder


@pytest.fixture
def reading() -> Callable[..., Reading]:
    """Make a reading of given embeddings and attributes."""

    def make(vector, *, age=30.0, female=0.9, found=True) -> Reading:
        unit = np.asarray(vector, np.float32)
        unit = unit / np.linalg.norm(unit)
        return Reading({"matcher": unit}, age, female, found, found)

    return make
