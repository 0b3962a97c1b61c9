"""What the audit and rehearsals keep of a shard. Staging only: looks are biometric."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt

from fsp_ray.audit import Leak
from fsp_ray.core.checks import check_array
from fsp_ray.core.face_types import F32, I64
from fsp_ray.stages.staging import Staging

Bools = npt.NDArray[np.bool_]

GALLERY_NAME: Final = "gallery.npz"


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """Synthetic faces that the auditor looked at, and the ones below them. Biometric.

    Attributes:
        pts: i64[K], frames.
        person: i64[K], index into the shard's list of persons.
        source, published: f32[K, D], unit vectors by the auditor.
        found: bool[K], whether a detector finds the published face.
        age_years, female: f32[K], as read from the published face.
        older_years: f32[K], by how much it reads older than the one below.
        likeness: f32[K], of both, by the judges that choose faces: in units of their thresholds,
            the highest of the judges.

    What is not read is False or nan: in a rehearsal whether faces are found, in the audit how
    they compare in what the judges see.
    """

    pts: I64
    person: I64
    source: F32
    published: F32
    found: Bools
    age_years: F32
    female: F32
    older_years: F32
    likeness: F32

    def __post_init__(self) -> None:
        k = len(self.pts)
        check_array("pts", self.pts, np.int64, (k,))
        check_array("person", self.person, np.int64, (k,))
        check_array("source", self.source, np.float32, (k, None))
        check_array("published", self.published, np.float32, self.source.shape)
        check_array("found", self.found, np.bool_, (k,))
        check_array("age_years", self.age_years, np.float32, (k,))
        check_array("female", self.female, np.float32, (k,))
        check_array("older_years", self.older_years, np.float32, (k,))
        check_array("likeness", self.likeness, np.float32, (k,))

    def __len__(self) -> int:
        return len(self.pts)

    @classmethod
    def none(cls, dimensions: int) -> Looks:
        """Return no looks, by an auditor of so many dimensions."""
        index, vectors = np.zeros(0, np.int64), np.zeros((0, dimensions), np.float32)
        values = np.zeros(0, np.float32)
        found = np.zeros(0, np.bool_)
        return cls(index, index, vectors, vectors, found, values, values, values, values)

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
    with staging.writing(GALLERY_NAME) as path, path.open("wb") as file:
        np.savez(file, allow_pickle=False, **persons)


def load_galleries(staging: Staging) -> dict[str, F32]:
    """Read the galleries of all videos of the run that have one by now, this one's included."""
    gallery: dict[str, F32] = {}
    for path in staging.of_run(GALLERY_NAME):
        with np.load(path, allow_pickle=False) as data:
            gallery.update({person: data[person] for person in data.files})
    return gallery


def findings_name(shard_id: str) -> str:
    """Name of what the audit found in a shard."""
    return f"audit/{shard_id}.npz"


def rehearsal_name(shard_id: str) -> str:
    """Name of what a rehearsal found in a shard: never enough to publish it."""
    return f"rehearsals/{shard_id}.npz"


def _faces(data: Mapping[str, npt.NDArray[Any]]) -> SourceFaces:
    return SourceFaces(**{name: data[f"faces/{name}"] for name in SourceFaces.__dataclass_fields__})


def _leak(
    pts: int, first_pts: int, last_pts: int, xyxy: list[float], person_id: str | None
) -> Leak:
    x1, y1, x2, y2 = xyxy
    return Leak(pts, first_pts, last_pts, (x1, y1, x2, y2), person_id)
