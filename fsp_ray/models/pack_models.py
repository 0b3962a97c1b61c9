"""The roles of the `open` pack, put together when first asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar, cast

from fsp_ray.core.protocols import (
    AttributeEstimator,
    FaceDetector,
    FaceEmbedder,
    FaceLandmarker,
    Models,
)
from fsp_ray.models.age_gender import AgeGenderEstimator, AttributeFeatures, BareEstimator
from fsp_ray.models.attribute_head import AttributeHead
from fsp_ray.models.centerface import CenterFace
from fsp_ray.models.detection import DetectionPass, Finder, UnionDetector
from fsp_ray.models.dlib_resnet import DlibEmbedder
from fsp_ray.models.eyelids import LidReader
from fsp_ray.models.install import load_model
from fsp_ray.models.manifest import Pack, show_pack
from fsp_ray.models.mesh import MeshLandmarker
from fsp_ray.models.remembering import RememberingSession
from fsp_ray.models.session import Session
from fsp_ray.models.sface import SFaceEmbedder
from fsp_ray.models.yunet import YuNet

# Measured on film: .97 of the faces at about 15 ms a frame, more than any single scale.
_DETECTOR_LONG_SIDES_PX: Final = (320, 960)
# .96 at about 28 ms, by two nets that miss different faces.
_RECALL_CENTERFACE_PX: Final = 480
_RECALL_YUNET_PX: Final = 640
# Under the scores that stand alone: hints of blurred and half hidden heads. Seen on film, of
# CenterFace's from .3 on nine in ten are heads, of YuNet's from .3 to .5 one in three.
_HINT_SCORE: Final = 0.3

_T = TypeVar("_T")


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
        self._made: dict[str, object] = {}

    @property
    def detector(self) -> FaceDetector:
        """YuNet at two scales."""
        return self._once("detector", self._make_detector)

    @property
    def recall_detector(self) -> FaceDetector:
        """CenterFace and YuNet, each at the scale where it finds most."""
        return self._once("recall_detector", self._make_recall_detector)

    @property
    def hint_detector(self) -> FaceDetector:
        """YuNet at the same two scales, with scores from .3 on."""
        return self._once(
            "hint_detector",
            lambda: _at_scales(
                YuNet(self._yunet_session(), min_score=_HINT_SCORE), _DETECTOR_LONG_SIDES_PX
            ),
        )

    @property
    def second_detector(self) -> FaceDetector:
        """CenterFace alone, with scores from .3 on."""
        return self._once(
            "second_detector",
            lambda: _at_scales(
                CenterFace(self._centerface_session(), min_score=_HINT_SCORE),
                (_RECALL_CENTERFACE_PX,),
            ),
        )

    @property
    def landmarker(self) -> FaceLandmarker:
        """MediaPipe's mesh, with lids as its iris net sees them."""
        return self._once("landmarker", self._make_landmarker)

    @property
    def matcher(self) -> FaceEmbedder:
        """SFace."""
        return self._once("matcher", lambda: SFaceEmbedder(self._sface()))

    @property
    def judges(self) -> tuple[FaceEmbedder, ...]:
        """The matcher alone: no other recogniser comes in a wheel that installs."""
        return (self.matcher,)

    @property
    def auditor(self) -> FaceEmbedder:
        """dlib's recogniser, which errs nearly independently of SFace."""
        return self._once("auditor", lambda: DlibEmbedder(self._session("dlib")))

    @property
    def attributes(self) -> AttributeEstimator:
        """The age and the gender net and the matcher's hidden layers, judged by our own head."""
        return self._once("attributes", self._make_attributes)

    @property
    def attribute_features(self) -> AttributeFeatures:
        """What the attributes are read from; a fit needs them bare."""
        return self._once(
            "attribute_features",
            lambda: AttributeFeatures(
                age=self._session("age"), gender=self._session("gender"), sface=self._sface()
            ),
        )

    @property
    def second_attributes(self) -> AttributeEstimator:
        """The age and the gender net alone: a second opinion on what the attributes say."""
        return self._once("second_attributes", lambda: BareEstimator(self.attribute_features))

    def _make_landmarker(self) -> FaceLandmarker:
        return MeshLandmarker(self._session("mesh"), LidReader(self._session("iris")))

    def _make_detector(self) -> FaceDetector:
        return _at_scales(self._yunet(), _DETECTOR_LONG_SIDES_PX)

    def _make_recall_detector(self) -> FaceDetector:
        centerface = CenterFace(self._centerface_session())
        return UnionDetector(
            [
                DetectionPass(centerface, _RECALL_CENTERFACE_PX),
                DetectionPass(self._yunet(), _RECALL_YUNET_PX),
            ]
        )

    def _centerface_session(self) -> Session:
        """One net for both detectors that ask it: who doubts a face asks about the same frame."""
        return self._once("centerface_session", lambda: self._remembering("centerface"))

    def _yunet(self) -> YuNet:
        return self._once("yunet", lambda: YuNet(self._yunet_session()))

    def _yunet_session(self) -> Session:
        return self._once("yunet_session", lambda: self._session("yunet"))

    def _make_attributes(self) -> AttributeEstimator:
        return AgeGenderEstimator(self.attribute_features, AttributeHead.default())

    def _sface(self) -> Session:
        """One net for the matcher and the attributes: who asks second gets the same answer."""
        return self._once("sface", lambda: self._remembering("sface"))

    def _once(self, key: str, make: Callable[[], _T]) -> _T:
        if key not in self._made:
            self._made[key] = make()
        return cast("_T", self._made[key])

    def _remembering(self, name: str) -> Session:
        return RememberingSession(self._model(name), threads=self._threads)

    def _session(self, name: str) -> Session:
        return Session(self._model(name), threads=self._threads)

    def _model(self, name: str) -> bytes:
        return load_model(self._pack.name, self._pack.model(name))


def _at_scales(finder: Finder, long_sides_px: Sequence[int]) -> FaceDetector:
    return UnionDetector([DetectionPass(finder, side) for side in long_sides_px])
