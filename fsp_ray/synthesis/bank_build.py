"""A bank from a folder of pictures of faces that nobody has."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from fsp_ray.core.errors import BankError
from fsp_ray.core.face_types import F32, U8, FaceBatch, Landmarks
from fsp_ray.core.protocols import AttributeEstimator, FaceDetector, FaceLandmarker
from fsp_ray.faces.geometry import head_pose, rois_from_detections, rois_from_landmarks
from fsp_ray.synthesis.bank import MIN_FACES, FaceBank, encode_webp
from fsp_ray.synthesis.bank_filter import BEARDED, clean_edges, fingerprint, measure, smile
from fsp_ray.synthesis.texels import unwrap
from fsp_ray.synthesis.texture import brow_score, encode_ratio, log_ratio, skin_tone
from fsp_ray.synthesis.topology import normalise_shape

Progress = Callable[[int, int], None]

PICTURE_SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
_MAX_FILE_BYTES: Final = 64 << 20
_MAX_SIDE_PX: Final = 8192
# Nothing finer than this is looked at: detection stays quick, a texture of 256 px stays sharp.
_WORK_SIDE_PX: Final = 640
_MIN_FACE_PX: Final = 120.0
_MIN_PRESENCE: Final = 0.5
_MAX_YAW_DEG: Final = 8.0
_PITCH_RANGE_DEG: Final = 7.0
_SAME_BITS: Final = 14  # of 256


class _Skip(Exception):  # noqa: N818 - a picture that is left out is no error
    """Why one picture is left out."""


@dataclass(frozen=True, slots=True)
class BankReport:
    """What became of a folder.

    Attributes:
        num_pictures: files with a picture's suffix.
        num_female, num_male: faces in the bank.
        skipped: how many pictures were left out, by reason.
        skipped_files: (name, reason) of each.
    """

    num_pictures: int
    num_female: int
    num_male: int
    skipped: Mapping[str, int] = field(default_factory=dict[str, int])
    skipped_files: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Roles:
    """The models that a picture is looked at with."""

    detector: FaceDetector
    landmarker: FaceLandmarker
    attributes: AttributeEstimator


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    name: str
    encoded: U8
    shape: F32
    pitch_deg: float
    age_years: float
    female: bool
    tone: F32
    beard: float
    brow: float
    smile: float
    bits: npt.NDArray[np.bool_]


def build_bank(
    folder: Path,
    out: Path,
    *,
    detector: FaceDetector,
    landmarker: FaceLandmarker,
    attributes: AttributeEstimator,
    progress: Progress | None = None,
) -> BankReport:
    """Build a bank from the pictures of a folder and write it to `out` (.npz).

    Use pictures of faces that nobody has: AI-generated ones. A file `index.csv` with the columns
    `file` and `gender` says whose gender is known; the others are estimated.

    Args:
        folder: with .jpg, .jpeg, .png, .webp or .bmp files, not searched deeper.
        out: where the bank goes; its folder must exist.
        detector, landmarker, attributes: of a model pack.
        progress: called with (done, total) after every picture.

    Raises:
        BankError: the folder can't be read, or too few faces are left.
    """
    files = _pictures(folder)
    roles = _Roles(detector, landmarker, attributes)
    candidates, skipped = _look_at(files, _known_genders(folder), roles, progress)
    kept = _select(candidates, skipped)
    _check_enough(kept, skipped)
    _bank(kept).save(out)
    female = sum(one.female for one in kept)
    return BankReport(
        num_pictures=len(files),
        num_female=female,
        num_male=len(kept) - female,
        skipped=dict(Counter(reason for _, reason in skipped)),
        skipped_files=tuple(sorted(skipped)),
    )


def _look_at(
    files: list[Path], genders: dict[str, bool], roles: _Roles, progress: Progress | None
) -> tuple[list[_Candidate], list[tuple[str, str]]]:
    """Return the faces that pass on their own, and (name, reason) of the other pictures."""
    skipped: list[tuple[str, str]] = []
    candidates: list[_Candidate] = []
    seen: set[bytes] = set()
    for done, (file, picture, digest) in enumerate(_read_all(files), start=1):
        try:
            rgb = _new(picture, digest, seen)
            candidates.append(_candidate(file.name, rgb, roles, genders.get(file.name)))
        except _Skip as skip:
            skipped.append((file.name, str(skip)))
        if progress is not None:
            progress(done, len(files))
    return candidates, skipped


def _pictures(folder: Path) -> list[Path]:
    try:
        files = [f for f in sorted(folder.iterdir()) if f.suffix.lower() in PICTURE_SUFFIXES]
    except OSError as error:
        raise BankError(f"{folder} can't be listed: {error.strerror}.") from error
    if not files:
        raise BankError(
            f"{folder} holds no pictures.",
            advice=f"A bank is made of files that end in {', '.join(PICTURE_SUFFIXES)}.",
        )
    return files


def _known_genders(folder: Path) -> dict[str, bool]:
    """Return whether the face in a file is female, for the files that index.csv names."""
    index = folder / "index.csv"
    if not index.is_file():
        return {}
    try:
        with index.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BankError(f"{index} can't be read: {error}.") from error
    known = {"female": True, "male": False}
    return {
        str(row["file"]): known[str(row["gender"])]
        for row in rows
        if row.get("file") and row.get("gender") in known
    }


def _read_all(files: list[Path]) -> Iterator[tuple[Path, U8 | None, bytes]]:
    """Read ahead by one thread, a few pictures at a time."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        for start in range(0, len(files), 16):
            block = files[start : start + 16]
            for file, (picture, digest) in zip(block, pool.map(_read, block), strict=True):
                yield file, picture, digest


def _read(file: Path) -> tuple[U8 | None, bytes]:
    """Return the picture (None if it can't be read) and the file's hash."""
    try:
        if file.stat().st_size > _MAX_FILE_BYTES:
            return None, file.name.encode()
        data = file.read_bytes()
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    except (OSError, cv2.error):
        return None, file.name.encode()
    digest = hashlib.sha256(data).digest()
    if picture is None or max(picture.shape) > _MAX_SIDE_PX:
        return None, digest
    scale = _WORK_SIDE_PX / max(picture.shape[:2])
    if scale < 1:
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(picture, np.uint8), digest


def _new(picture: U8 | None, digest: bytes, seen: set[bytes]) -> U8:
    if picture is None:
        raise _Skip("not a readable picture")
    if digest in seen:
        raise _Skip("the same file again")
    seen.add(digest)
    return picture


def _candidate(name: str, rgb: U8, roles: _Roles, female: bool | None) -> _Candidate:
    """Measure one picture; `female` None stands for not known."""
    landmarks = _mesh(rgb, roles.detector, roles.landmarker)
    pose = head_pose(landmarks.points)
    if abs(float(pose.yaw[0])) > _MAX_YAW_DEG:
        raise _Skip("looks aside")
    texture, weight = unwrap(rgb, landmarks.points[0])
    ratio = log_ratio(texture, weight)
    read = roles.attributes.estimate(rgb, landmarks)
    if female is None:
        female = bool(read.female_probability[0] >= 0.5)
    measures = measure(ratio)
    reason = measures.reason(female=female)
    if reason is not None:
        raise _Skip(reason)
    try:
        tone, shape = skin_tone(texture, weight), normalise_shape(landmarks.points[0])
    except ValueError as error:
        raise _Skip("no skin shows") from error
    return _Candidate(
        name=name,
        encoded=encode_ratio(clean_edges(ratio)),
        shape=shape,
        pitch_deg=float(pose.pitch[0]),
        age_years=float(read.age_years[0]),
        female=female,
        tone=tone,
        beard=measures.beard,
        brow=brow_score(ratio),
        smile=smile(shape),
        bits=fingerprint(ratio),
    )


def _mesh(rgb: U8, detector: FaceDetector, landmarker: FaceLandmarker) -> Landmarks:
    """Return the mesh of the largest face, fitted twice (the second pass halves the error)."""
    found: FaceBatch = detector.detect(rgb[None])
    if len(found) == 0:
        raise _Skip("no face found")
    width = found.xyxy[:, 2] - found.xyxy[:, 0]
    largest = int(width.argmax())
    if float(width[largest]) < _MIN_FACE_PX:
        raise _Skip("the face is too small")
    pick = slice(largest, largest + 1)
    first = landmarker.landmarks(rgb, rois_from_detections(found.xyxy[pick], found.kps[pick]))
    landmarks = landmarker.landmarks(rgb, rois_from_landmarks(first.points))
    if float(landmarks.presence[0]) < _MIN_PRESENCE or not np.isfinite(landmarks.points).all():
        raise _Skip("no face found")
    return landmarks


def _select(candidates: list[_Candidate], skipped: list[tuple[str, str]]) -> list[_Candidate]:
    """Keep faces level with the median, no copies, and of each gender the less smiling half.

    Of bearded men, who are few, only the widest smiles go.
    """
    if not candidates:
        return []
    median = float(np.median([one.pitch_deg for one in candidates]))
    level: list[_Candidate] = []
    for one in candidates:
        if abs(one.pitch_deg - median) > _PITCH_RANGE_DEG:
            skipped.append((one.name, "looks up or down"))
        elif level and min(int((one.bits ^ other.bits).sum()) for other in level) <= _SAME_BITS:
            skipped.append((one.name, "the same face again"))
        else:
            level.append(one)
    kept: list[_Candidate] = []
    for female in (True, False):
        group = [one for one in level if one.female == female]
        if not group:
            continue
        half, most = np.quantile([one.smile for one in group], [0.5, 0.8])
        for one in group:
            bearded = not female and one.beard > BEARDED
            if one.smile <= (most if bearded else half):
                kept.append(one)
            else:
                skipped.append((one.name, "smiles"))
    return kept


def _check_enough(kept: list[_Candidate], skipped: list[tuple[str, str]]) -> None:
    for female, word in ((True, "female"), (False, "male")):
        count = sum(one.female == female for one in kept)
        if count < MIN_FACES:
            reasons = Counter(reason for _, reason in skipped).most_common(4)
            listed = ", ".join(f"{reason}: {number}" for reason, number in reasons)
            raise BankError(
                f"Only {count} {word} faces are fit for a bank; {MIN_FACES} are needed"
                + (f" (left out: {listed})." if listed else "."),
                advice="Add frontal pictures with even light, no fringe and no spectacles.",
            )


def _bank(kept: list[_Candidate]) -> FaceBank:
    return FaceBank(
        webp=tuple(encode_webp(one.encoded) for one in kept),
        shape=np.stack([one.shape for one in kept]),
        age_years=np.array([one.age_years for one in kept], np.float32),
        female=np.array([one.female for one in kept], np.bool_),
        tone=np.stack([one.tone for one in kept]),
        beard=np.array([one.beard for one in kept], np.float32),
        brow=np.array([one.brow for one in kept], np.float32),
        num_mixed=np.ones(len(kept), np.uint8),
    )
