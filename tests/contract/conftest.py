"""Every pack is held to the same promises, and so is every place that a lake may lie at.

A new pack is added by its manifest alone.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np
import pytest

from fsp_ray.core.face_types import U8, FaceBatch, Landmarks
from fsp_ray.core.protocols import Models
from fsp_ray.faces.geometry import rois_from_detections, rois_from_landmarks
from fsp_ray.lake import Lake
from fsp_ray.lake.storage import Storage
from fsp_ray.models import list_packs, load_models
from tests.fakes.s3_servers import SERVERS, Place, S3Server


@pytest.fixture(scope="session", params=[pack.name for pack in list_packs()])
def models(request, tmp_path_factory) -> Models:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FSP_RAY_CACHE", str(tmp_path_factory.mktemp("cache")))
        loaded = load_models(request.param)
        for role in ("detector", "recall_detector", "landmarker", "matcher", "auditor"):
            getattr(loaded, role)
        assert loaded.attributes is not None
    return loaded


@pytest.fixture(scope="session")
def group() -> U8:
    """Six people, 1280x886."""
    spec = importlib.util.find_spec("insightface")
    path = Path(spec.origin).parent / "data" / "images" / "t1.jpg"
    return np.ascontiguousarray(cv2.imread(str(path))[:, :, ::-1])


@pytest.fixture(scope="session")
def faces(models, group) -> FaceBatch:
    return models.detector.detect(group[None])


@pytest.fixture(scope="session")
def meshes(models, group, faces) -> Landmarks:
    first = models.landmarker.landmarks(group, rois_from_detections(faces.xyxy, faces.kps))
    return models.landmarker.landmarks(group, rois_from_landmarks(first.points))


@pytest.fixture
def no_meshes() -> Landmarks:
    return Landmarks(np.empty((0, 468, 3), np.float32), np.empty(0, np.float32))


@pytest.fixture(scope="module", params=["folder", *SERVERS])
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    if request.param == "folder":
        yield Place(str(tmp_path_factory.mktemp("place")), None)
        return
    with ExitStack() as stack:
        server = stack.enter_context(SERVERS[request.param]())
        server.use(stack.enter_context(pytest.MonkeyPatch.context()))
        yield Place(server.make_bucket("place"), server)


@pytest.fixture
def storage(place: Place, request: pytest.FixtureRequest) -> Storage:
    name = hashlib.sha1(request.node.name.encode()).hexdigest()[:8]
    return Storage.of(place.uri(f"ä b+{name}"))


@pytest.fixture
def lake(place: Place, request: pytest.FixtureRequest) -> Lake:
    name = hashlib.sha1(request.node.name.encode()).hexdigest()[:8]
    return Lake.create(place.uri(f"lake-{name}"))


@pytest.fixture
def server(place: Place) -> S3Server:
    if place.server is None:
        pytest.skip("a folder has no server")
    return place.server
