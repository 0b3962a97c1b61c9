"""Value types of faces: found, measured, followed, and made. Arrays are checked when held.

Pixels are those of the upright frame: x to the right, y down, (0, 0) the outer corner of the
top left pixel, so that the centre of that pixel lies at (.5, .5).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from fsp_ray.core.ages import GENDERS, MAX_AGE_YEARS, Gender, age_group
from fsp_ray.core.checks import check_array, check_finite

F32 = npt.NDArray[np.float32]
U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]

NUM_POINTS: Final = 468
TEXTURE_PX: Final = 256


@dataclass(frozen=True, slots=True, eq=False)
class FaceBatch:
    """Detections in a batch of frames, best score first within a frame.

    Attributes:
        frame_index: i64[M], index of the frame in the batch, ascending.
        xyxy: f32[M, 4], box corners in pixels; may reach outside the frame.
        kps: f32[M, 5, 2], image-left eye, image-right eye, nose tip, image-left and image-right
            mouth corner, in pixels.
        det_score: f32[M], 0..1.
    """

    frame_index: I64
    xyxy: F32
    kps: F32
    det_score: F32

    def __post_init__(self) -> None:
        m = len(self.frame_index)
        check_array("frame_index", self.frame_index, np.int64, (m,))
        check_array("xyxy", self.xyxy, np.float32, (m, 4))
        check_array("kps", self.kps, np.float32, (m, 5, 2))
        check_array("det_score", self.det_score, np.float32, (m,))
        check_finite("xyxy", self.xyxy)
        if (self.xyxy[:, 2:] <= self.xyxy[:, :2]).any():
            raise ValueError("xyxy must have x2 > x1 and y2 > y1")

    def __len__(self) -> int:
        return len(self.frame_index)


@dataclass(frozen=True, slots=True, eq=False)
class FaceRois:
    """Rotated squares of one frame to look for a face in.

    Attributes:
        center: f32[M, 2], pixels.
        size_px: f32[M], side of the square.
        angle_rad: f32[M], turn of the face, clockwise as seen: 0 for an upright head.
    """

    center: F32
    size_px: F32
    angle_rad: F32

    def __post_init__(self) -> None:
        m = len(self.size_px)
        check_array("center", self.center, np.float32, (m, 2))
        check_array("size_px", self.size_px, np.float32, (m,))
        check_array("angle_rad", self.angle_rad, np.float32, (m,))
        if (self.size_px <= 0).any():
            raise ValueError("size_px must be positive")

    def __len__(self) -> int:
        return len(self.size_px)


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks:
    """Dense meshes of faces in one frame (MediaPipe's 468-point numbering).

    Attributes:
        points: f32[M, 468, 3]: x, y in pixels of the frame; z in the same unit, smaller is nearer.
        presence: f32[M], 0..1, how sure the net is that there is a face.
    """

    points: F32
    presence: F32

    def __post_init__(self) -> None:
        m = len(self.presence)
        check_array("points", self.points, np.float32, (m, NUM_POINTS, 3))
        check_array("presence", self.presence, np.float32, (m,))

    def __len__(self) -> int:
        return len(self.presence)


@dataclass(frozen=True, slots=True, eq=False)
class Attributes:
    """Soft attributes of faces.

    Attributes:
        age_years: f32[M].
        female_probability: f32[M], 0..1.
    """

    age_years: F32
    female_probability: F32

    def __post_init__(self) -> None:
        m = len(self.age_years)
        check_array("age_years", self.age_years, np.float32, (m,))
        check_array("female_probability", self.female_probability, np.float32, (m,))

    def __len__(self) -> int:
        return len(self.age_years)


# How a track knows where its face is in a frame.
DETECTED: Final = 0  # a detection agreed with in this very frame
FOLLOWED: Final = 1  # landmark ROI of a neighbouring frame
INTERPOLATED: Final = 2  # neither; placed between both sides of a gap


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One continuous trajectory in one shard: an entry for every frame, no gaps.

    Attributes:
        track_id: see core.ids.
        pts: i64[T], of every frame from the first to the last.
        xyxy: f32[T, 4], box in pixels, from the mesh where there is one.
        points: f32[T, 468, 3], pixels of the frame; all zero where there is no mesh.
        presence: f32[T], 0..1; 0 where there is no mesh.
        det_score: f32[T], of the detection in that frame; 0 where there was none.
        origin: u8[T], DETECTED, FOLLOWED or INTERPOLATED.
    """

    track_id: str
    pts: I64
    xyxy: F32
    points: F32
    presence: F32
    det_score: F32
    origin: U8

    def __post_init__(self) -> None:
        t = len(self.pts)
        if t == 0:
            raise ValueError("a track has at least one frame")
        check_array("pts", self.pts, np.int64, (t,))
        check_array("xyxy", self.xyxy, np.float32, (t, 4))
        check_array("points", self.points, np.float32, (t, NUM_POINTS, 3))
        check_array("presence", self.presence, np.float32, (t,))
        check_array("det_score", self.det_score, np.float32, (t,))
        check_array("origin", self.origin, np.uint8, (t,))
        check_finite("xyxy", self.xyxy)
        check_finite("points", self.points)
        if (np.diff(self.pts) <= 0).any():
            raise ValueError("pts must increase strictly")

    def __len__(self) -> int:
        return len(self.pts)


@dataclass(frozen=True, slots=True, eq=False)
class SourceFace:
    """What the swapper must know of a real face to replace it. Biometric: staging only.

    Attributes:
        shape: f32[468, 3], mean neutral shape, aligned to the topology's mean shape by a
            similarity; unit: face widths.
        texture: u8[256, 256, 3], mean unwrapped texture, RGB, gaps filled.
        weight: f32[256, 256], how often each texel was seen, 0..1.
        num_views: frames that the means are made of.
    """

    shape: F32
    texture: U8
    weight: F32
    num_views: int

    def __post_init__(self) -> None:
        check_array("shape", self.shape, np.float32, (NUM_POINTS, 3))
        check_array("texture", self.texture, np.uint8, (TEXTURE_PX, TEXTURE_PX, 3))
        check_array("weight", self.weight, np.float32, (TEXTURE_PX, TEXTURE_PX))
        check_finite("shape", self.shape)
        if self.num_views < 1:
            raise ValueError("a source face is made of at least one view")


@dataclass(frozen=True, slots=True, eq=False)
class HeadView:
    """One good look at a real head, to try faces on. Biometric: staging only.

    Attributes:
        rgb: u8[H, W, 3], the frame round the head: all that the swapper may touch, and then some.
        points: f32[468, 3], the mesh in pixels of `rgb`.
        weight: how much the look counts: frontal, large, sharp.
    """

    rgb: U8
    points: F32
    weight: float

    def __post_init__(self) -> None:
        check_array("rgb", self.rgb, np.uint8, (None, None, 3))
        check_array("points", self.points, np.float32, (NUM_POINTS, 3))
        check_finite("points", self.points)
        if not 0 < self.weight < float("inf"):
            raise ValueError("a view's weight must be positive")


@dataclass(frozen=True, slots=True, eq=False)
class TrackSummary:
    """What is kept of a track to link it into a person. Biometric: staging only.

    Attributes:
        track_id, shard_index: where it comes from.
        start_pts, last_pts: first and last frame.
        first_xyxy, last_xyxy: f32[4] boxes there.
        num_frames, median_face_px, mean_det_score: of the whole track.
        embeddings: f32[V, D], unit vectors of the matcher, of the best views (V may be 0).
        view_weight: f32[V], how much each view counts: frontal, large, sharp.
        view_frontal: bool[V], False for side views, which are kept out of averages.
        view_age_years, view_female: f32[V], attributes read from each view.
        source: mean face over the views, or None where no view was good enough.
    """

    track_id: str
    shard_index: int
    start_pts: int
    last_pts: int
    first_xyxy: F32
    last_xyxy: F32
    num_frames: int
    median_face_px: float
    mean_det_score: float
    embeddings: F32
    view_weight: F32
    view_frontal: npt.NDArray[np.bool_]
    view_age_years: F32
    view_female: F32
    source: SourceFace | None

    def __post_init__(self) -> None:
        v = len(self.view_weight)
        check_array("first_xyxy", self.first_xyxy, np.float32, (4,))
        check_array("last_xyxy", self.last_xyxy, np.float32, (4,))
        check_array("embeddings", self.embeddings, np.float32, (v, None))
        check_array("view_weight", self.view_weight, np.float32, (v,))
        check_array("view_frontal", self.view_frontal, np.bool_, (v,))
        check_array("view_age_years", self.view_age_years, np.float32, (v,))
        check_array("view_female", self.view_female, np.float32, (v,))


@dataclass(frozen=True, slots=True)
class Person:
    """One human in one video: soft attributes only.

    Attributes:
        track_ids: the trajectories, by time.
        age_years, gender, gender_confidence: what was read, all three None where no look at the
            face was good enough to read anything: no table holds a guess.
        age_std_years: how far off the age may be: within it for about 68 % of people; None where
            nothing was read.
    """

    person_id: str
    video_id: str
    track_ids: tuple[str, ...]
    age_years: float | None
    gender: Gender | None
    gender_confidence: float | None
    age_std_years: float | None = None

    def __post_init__(self) -> None:
        if not self.track_ids:
            raise ValueError("a person has at least one track")
        if self.age_std_years is not None and not 0 <= self.age_std_years < float("inf"):
            raise ValueError("age_std_years must be a number of years from 0 up")
        if self.age_std_years is not None and self.age_years is None:
            raise ValueError("an age that was not read has no age_std_years")
        if self.age_years is None or self.gender is None or self.gender_confidence is None:
            if (self.age_years, self.gender, self.gender_confidence) != (None, None, None):
                raise ValueError("age, gender and its confidence are read together or not at all")
            return
        if not 0 <= self.age_years <= MAX_AGE_YEARS:
            raise ValueError(f"age_years must lie in 0..{MAX_AGE_YEARS:.0f}")
        if self.gender not in GENDERS:
            raise ValueError(f"gender must be one of {GENDERS}")
        if not 0.5 <= self.gender_confidence <= 1:
            raise ValueError("gender_confidence is the winner's probability: .5 to 1")

    @property
    def age_group(self) -> str | None:
        """The age group's name."""
        return None if self.age_years is None else age_group(self.age_years)


@dataclass(frozen=True, slots=True, eq=False)
class SyntheticFace:
    """A face of nobody. Lives as long as the run: the seed it came from is thrown away.

    Attributes:
        person_id: whose face it replaces.
        texture: u8[256, 256, 3], log-ratio texture, n = (value - 128) / 80 (natural log units).
        shape: f32[468, 3], aligned to the topology's mean shape; unit: face widths.
        age_years, gender: what it was made as. To read as old as a person, a face may have to be
            made older or younger.
        seed: what it was drawn from, if it may be made again at another age. Staging only.
    """

    person_id: str
    texture: U8
    shape: F32
    age_years: float
    gender: Gender
    seed: int | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        check_array("texture", self.texture, np.uint8, (TEXTURE_PX, TEXTURE_PX, 3))
        check_array("shape", self.shape, np.float32, (NUM_POINTS, 3))
        check_finite("shape", self.shape)


@dataclass(frozen=True, slots=True, eq=False)
class FaceReading:
    """How recognisers read a person with a synthetic face on. Biometric: staging only.

    Attributes:
        embeddings: one f32[D] unit vector a judge, the mean over the views tried; empty where
            the face could be tried on no view.
    """

    embeddings: tuple[F32, ...]

    def __post_init__(self) -> None:
        for vector in self.embeddings:
            check_array("embedding", vector, np.float32, (None,))


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """The face chosen for a person, and how the person reads with it on.

    Attributes:
        face: what is put on.
        reading: to keep the next persons' faces away from.
    """

    face: SyntheticFace
    reading: FaceReading
