"""The roles of the `open` pack, put together when first asked for."""

from __future__ import annotations

from functools import cached_property
from typing import Final

from fsp_ray.core.protocols import FaceDetector, FaceLandmarker, Models
from fsp_ray.models.detection import DetectionPass, UnionDetector
from fsp_ray.models.install import load_model
from fsp_ray.models.manifest import Pack, show_pack
from fsp_ray.models.mesh import MeshLandmarker
from fsp_ray.models.session import Session
from fsp_ray.models.yunet import YuNet

# Measured on film: .97 of the faces at about 15 ms, more than any single scale.
_DETECTOR_LONG_SIDES_PX: Final = (320, 960)


def load_models(pack: str = "open", *, threads: int = 1) -> Models:
    """Return the models of a pack, to be used in one process, each on `threads` threads.

    Nothing is read before a role is first asked for; what the cache lacks is then converted
    from the installed wheels (seconds, once a machine), without a network.

    Raises:
        PackError: there is no such pack. Asking for a role raises it too: see `install_pack`.
    """
    if threads < 1:
        raise ValueError("threads must be positive")
    return OpenModels(show_pack(pack), threads=threads)


class OpenModels:
    """Implements `core.protocols.Models` for the `open` pack on onnxruntime."""

    def __init__(self, pack: Pack, *, threads: int) -> None:
        self._pack = pack
        self._threads = threads

    @cached_property
    def detector(self) -> FaceDetector:
        """YuNet at two scales."""
        passes = [DetectionPass(self._yunet, side) for side in _DETECTOR_LONG_SIDES_PX]
        return UnionDetector(passes)

    @cached_property
    def landmarker(self) -> FaceLandmarker:
        """MediaPipe's mesh."""
        return MeshLandmarker(self._session("mesh"))

    @cached_property
    def _yunet(self) -> YuNet:
        return YuNet(self._session("yunet"))

    def _session(self, name: str) -> Session:
        model = load_model(self._pack.name, self._pack.model(name))
        return Session(model, threads=self._threads)
