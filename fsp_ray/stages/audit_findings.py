"""What the audit keeps of a shard, and what was decided. Staging only: looks are biometric."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt

from fsp_ray.audit import Leak, Patch
from fsp_ray.core.checks import check_array
from fsp_ray.core.face_types import F32, I64
from fsp_ray.stages.staging import Staging

Bools = npt.NDArray[np.bool_]

_GALLERY_NAME: Final = "gallery.npz"


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """Synthetic faces that the auditor looked at, and the ones below them. Biometric.

    Attributes:
        pts: i64[K], frames.
        person: i64[K], index into the shard's list of persons.
        source, published: f32[K, D], unit vectors by the auditor.
        found: bool[K], whether a detector finds the published face.
        age_years, female: f32[K], as read from the published face.

    In a rehearsal the last three are not read: False and nan.
    """

    pts: I64
    person: I64
    source: F32
    published: F32
    found: Bools
    age_years: F32
    female: F32

    def __post_init__(self) -> None:
        k = len(self.pts)
        check_array("pts", self.pts, np.int64, (k,))
        check_array("person", self.person, np.int64, (k,))
        check_array("source", self.source, np.float32, (k, None))
        check_array("published", self.published, np.float32, self.source.shape)
        check_array("found", self.found, np.bool_, (k,))
        check_array("age_years", self.age_years, np.float32, (k,))
        check_array("female", self.female, np.float32, (k,))

    def __len__(self) -> int:
        return len(self.pts)

    @classmethod
    def none(cls, dimensions: int) -> Looks:
        """Return no looks, by an auditor of so many dimensions."""
        index, vectors = np.zeros(0, np.int64), np.zeros((0, dimensions), np.float32)
        values = np.zeros(0, np.float32)
        return cls(index, index, vectors, vectors, np.zeros(0, np.bool_), values, values)

    @classmethod
    def joined(cls, parts: Sequence[Looks]) -> Looks:
        """Put the looks of one list of persons together."""
        names = cls.__dataclass_fields__
        return cls(**{n: np.concatenate([getattr(part, n) for part in parts]) for n in names})

    def chosen(self, index: npt.NDArray[np.generic]) -> Looks:
        """Return some of them, by index or by bool[K]."""
        return Looks(**{name: getattr(self, name)[index] for name in self.__dataclass_fields__})


@dataclass(frozen=True, slots=True, eq=False)
class SourceFaces:
    """Faces that detectors found in the source frames of one shard: the same in every round.

    Attributes:
        checked: i64[C], pts of the frames that were searched, ascending.
        pts: i64[M], of each face.
        xyxy: f32[M, 4], pixels.
    """

    checked: I64
    pts: I64
    xyxy: F32

    def __post_init__(self) -> None:
        m = len(self.pts)
        check_array("checked", self.checked, np.int64, (None,))
        check_array("pts", self.pts, np.int64, (m,))
        check_array("xyxy", self.xyxy, np.float32, (m, 4))

    @classmethod
    def of(cls, found: Mapping[int, F32]) -> SourceFaces:
        """Put together what was found, f32[M, 4] by pts of each frame that was searched."""
        checked = np.array(sorted(found), np.int64)
        boxes = [found[pts] for pts in checked.tolist()]
        xyxy = np.concatenate([np.zeros((0, 4), np.float32), *boxes])
        return cls(checked, np.repeat(checked, [len(b) for b in boxes]), xyxy)


@dataclass(frozen=True, slots=True, eq=False)
class ShardFindings:
    """What the audit found in one rendered shard, or a rehearsal in one before it is rendered.

    Attributes:
        persons: ids of those who appear in it.
        frames, swapped, leaked: of each of these persons: frames drawn over, those of them that
            are to have the synthetic face, and those that leak.
        leaks: faces of the source that show.
        looks: single faces, before and after.
        faces: what the detectors found in the source.
        segment: hash of the segment that was audited; empty in a rehearsal.
    """

    persons: tuple[str, ...]
    frames: tuple[int, ...]
    swapped: tuple[int, ...]
    leaked: tuple[int, ...]
    leaks: tuple[Leak, ...]
    looks: Looks
    faces: SourceFaces
    segment: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was decided on a video after a round: a rehearsal, or a rendering with its audit.

    Attributes:
        rehearsals: how many of the rounds so far were rehearsals; they come first.
        attempts: other faces tried so far, by person_id.
        covered: persons who get the cover instead of a face.
        patches: covers over faces that showed.
        again: ids of the shards that must be drawn again; none if the rehearsal, or the audit, is
            through.
        reason: why the video must not be published, `face_not_covered: …`; empty if it may be.
    """

    rehearsals: int = 0
    attempts: Mapping[str, int] = field(default_factory=dict[str, int])
    covered: frozenset[str] = frozenset()
    patches: tuple[Patch, ...] = ()
    again: tuple[str, ...] = ()
    reason: str = ""


def load_judgement(staging: Staging, rounds: int) -> Judgement:
    """Return what was decided after so many rounds; before the first, nothing was."""
    if rounds == 0:
        return Judgement()
    text = staging.reading(_judgement_name(rounds)).read_text(encoding="utf-8")
    values: dict[str, Any] = json.loads(text)
    return Judgement(
        rehearsals=values["rehearsals"],
        attempts=values["attempts"],
        covered=frozenset(values["covered"]),
        patches=tuple(Patch.from_dict(patch) for patch in values["patches"]),
        again=tuple(values["again"]),
        reason=values["reason"],
    )


def save_judgement(staging: Staging, rounds: int, judgement: Judgement) -> None:
    """Stage what was decided after so many rounds."""
    values = {
        "rehearsals": judgement.rehearsals,
        "attempts": dict(judgement.attempts),
        "covered": sorted(judgement.covered),
        "patches": [patch.as_dict() for patch in judgement.patches],
        "again": judgement.again,
        "reason": judgement.reason,
    }
    with staging.writing(_judgement_name(rounds)) as path:
        path.write_text(json.dumps(values), encoding="utf-8")


def save_findings(staging: Staging, name: str, findings: ShardFindings) -> None:
    """Stage what was found in a shard, under one of the names below."""
    header = {
        "persons": findings.persons,
        "frames": findings.frames,
        "swapped": findings.swapped,
        "leaked": findings.leaked,
        "leaks": [
            [leak.pts, leak.first_pts, leak.last_pts, leak.xyxy, leak.person_id]
            for leak in findings.leaks
        ],
        "segment": findings.segment,
    }
    arrays: dict[str, npt.NDArray[Any]] = {
        "header": np.frombuffer(json.dumps(header).encode("utf-8"), np.uint8)
    }
    for part, kind in (("looks", Looks), ("faces", SourceFaces)):
        for column in kind.__dataclass_fields__:
            arrays[f"{part}/{column}"] = getattr(getattr(findings, part), column)
    with staging.writing(name) as path, path.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def load_findings(path: Path) -> ShardFindings:
    """Read what `save_findings` wrote."""
    with np.load(path, allow_pickle=False) as data:
        header = cast("dict[str, Any]", json.loads(data["header"].tobytes().decode("utf-8")))
        return ShardFindings(
            persons=tuple(header["persons"]),
            frames=tuple(header["frames"]),
            swapped=tuple(header["swapped"]),
            leaked=tuple(header["leaked"]),
            leaks=tuple(_leak(*values) for values in header["leaks"]),
            looks=Looks(**{name: data[f"looks/{name}"] for name in Looks.__dataclass_fields__}),
            faces=_faces(data),
            segment=header["segment"],
        )


def load_faces_found(staging: Staging, name: str) -> SourceFaces | None:
    """Read what the detectors found in a shard's source, if those findings are there."""
    path = staging.root / name
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as data:
        return _faces(data)


def save_gallery(staging: Staging, persons: Mapping[str, F32]) -> None:
    """Stage f32[D] by person_id: how the auditor knows the people of a video. Biometric."""
    with staging.writing(_GALLERY_NAME) as path, path.open("wb") as file:
        np.savez(file, allow_pickle=False, **persons)


def load_galleries(staging: Staging) -> dict[str, F32]:
    """Read the galleries of all videos of the run that have one by now, this one's included."""
    gallery: dict[str, F32] = {}
    for path in staging.of_run(_GALLERY_NAME):
        with np.load(path, allow_pickle=False) as data:
            gallery.update({person: data[person] for person in data.files})
    return gallery


def findings_name(shard_id: str) -> str:
    """Name of what the audit found in a shard."""
    return f"audit/{shard_id}.npz"


def rehearsal_name(shard_id: str) -> str:
    """Name of what a rehearsal found in a shard: never enough to publish it."""
    return f"rehearsals/{shard_id}.npz"


def _judgement_name(rounds: int) -> str:
    return f"judgements/{rounds:03d}.json"


def _faces(data: Mapping[str, npt.NDArray[Any]]) -> SourceFaces:
    return SourceFaces(**{name: data[f"faces/{name}"] for name in SourceFaces.__dataclass_fields__})


def _leak(
    pts: int, first_pts: int, last_pts: int, xyxy: list[float], person_id: str | None
) -> Leak:
    x1, y1, x2, y2 = xyxy
    return Leak(pts, first_pts, last_pts, (x1, y1, x2, y2), person_id)
