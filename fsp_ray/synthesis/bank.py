"""A bank of faces that nobody has: log-ratio textures as WebP, shapes, and what they look like."""

from __future__ import annotations

import functools
import io
import itertools
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from fsp_ray.core.ages import Gender
from fsp_ray.core.checks import check_array, check_finite
from fsp_ray.core.errors import BankError
from fsp_ray.core.face_types import F32, NUM_POINTS, U8
from fsp_ray.synthesis.texture import SHAPE, decode_ratio
from fsp_ray.synthesis.topology import load_topology

# A log ratio keeps pores in two or three grey levels: 80, enough for a photo, makes blocks of them.
WEBP_QUALITY: Final = 92
# What a generator needs of each gender: four to mix, and some to choose them from.
MIN_FACES: Final = 8
_MAX_PART_BYTES: Final = 256 << 20
_SHIPPED: Final = Path(__file__).parent / "data" / "bank"


@dataclass(frozen=True, slots=True, eq=False)
class FaceBank:
    """Faces to mix.

    Attributes:
        webp: each face's log-ratio texture (128 + 80 n, 256 px), as WebP.
        shape: f32[N, 468, 3], in face widths, aligned to the topology's mean shape.
        age_years: f32[N], as an estimator reads them.
        female: bool[N].
        tone: f32[N, 3]: log R/G, log B/G, luminance of the skin.
        beard: f32[N], log luminance of cheeks less that of the chin.
        brow: f32[N], log luminance of the eyebrows.
        num_mixed: u8[N], from how many faces each was mixed; 1 for one taken from a picture.
    """

    webp: tuple[bytes, ...]
    shape: F32
    age_years: F32
    female: npt.NDArray[np.bool_]
    tone: F32
    beard: F32
    brow: F32
    num_mixed: U8

    def __post_init__(self) -> None:
        n = len(self.webp)
        check_array("shape", self.shape, np.float32, (n, NUM_POINTS, 3))
        check_array("age_years", self.age_years, np.float32, (n,))
        check_array("female", self.female, np.bool_, (n,))
        check_array("tone", self.tone, np.float32, (n, 3))
        check_array("beard", self.beard, np.float32, (n,))
        check_array("brow", self.brow, np.float32, (n,))
        check_array("num_mixed", self.num_mixed, np.uint8, (n,))
        for name in ("shape", "age_years", "tone", "beard", "brow"):
            check_finite(name, getattr(self, name))

    def __len__(self) -> int:
        return len(self.webp)

    def of(self, gender: Gender) -> npt.NDArray[np.int64]:
        """Return the indices of the faces of a gender."""
        return np.flatnonzero(self.female == (gender == "female"))

    def encoded(self, index: int) -> U8:
        """Return one face's texture as stored, u8[256, 256, 3].

        Raises:
            BankError: the texture does not decode.
        """
        picture = cv2.imdecode(np.frombuffer(self.webp[index], np.uint8), cv2.IMREAD_COLOR_RGB)
        if picture is None or picture.shape != SHAPE:
            raise BankError(f"Texture {index} of the face bank is damaged.", advice=_REBUILD)
        return np.asarray(picture, np.uint8)

    def ratio(self, index: int) -> F32:
        """Return one face's log-ratio texture n, f32[256, 256, 3]."""
        return decode_ratio(self.encoded(index))

    def save(self, path: Path) -> None:
        """Write the bank as one .npz file."""
        sizes = np.array([0, *(len(blob) for blob in self.webp)], np.int64)
        mean_shape = load_topology().mean_shape
        with path.open("wb") as file:
            np.savez(
                file,
                webp=np.frombuffer(b"".join(self.webp), np.uint8),
                offset=np.cumsum(sizes),
                # Deviations from the mean shape, so that f16 keeps a ten-thousandth of a face.
                shape=(self.shape - mean_shape).astype(np.float16),
                age_years=self.age_years,
                female=self.female,
                tone=self.tone,
                beard=self.beard,
                brow=self.brow,
                num_mixed=self.num_mixed,
            )

    @staticmethod
    def load(path: Path) -> FaceBank:
        """Read a bank: one .npz file, or a folder of them.

        Raises:
            BankError: it is not there, is damaged, or holds too few faces.
        """
        files = sorted(path.glob("*.npz")) if path.is_dir() else [path]
        if not files or not all(file.is_file() for file in files):
            raise BankError(f"There is no face bank at {path}.", advice=_REBUILD)
        bank = join_banks([_load_part(file) for file in files])
        for gender in ("female", "male"):
            if len(bank.of(gender)) < MIN_FACES:
                raise BankError(
                    f"The face bank {path} holds fewer than {MIN_FACES} {gender} faces.",
                    advice="Build it from more pictures with `fsp faces build`.",
                )
        return bank

    @staticmethod
    def default() -> FaceBank:
        """Return the bank that comes with the package (see MODEL_CARD.md beside it)."""
        return _shipped_bank()

    def take(self, indices: Sequence[int] | npt.NDArray[np.integer]) -> FaceBank:
        """Return the bank of some of the faces."""
        at = np.asarray(indices, np.int64)
        return FaceBank(
            webp=tuple(self.webp[i] for i in at),
            shape=self.shape[at],
            age_years=self.age_years[at],
            female=self.female[at],
            tone=self.tone[at],
            beard=self.beard[at],
            brow=self.brow[at],
            num_mixed=self.num_mixed[at],
        )


_REBUILD: Final = "Build one with `fsp faces build DIR`, or reinstall for the one that comes along."


def join_banks(parts: Sequence[FaceBank]) -> FaceBank:
    """Return one bank of all the parts' faces, in order."""
    return FaceBank(
        webp=tuple(blob for part in parts for blob in part.webp),
        shape=np.concatenate([part.shape for part in parts]),
        age_years=np.concatenate([part.age_years for part in parts]),
        female=np.concatenate([part.female for part in parts]),
        tone=np.concatenate([part.tone for part in parts]),
        beard=np.concatenate([part.beard for part in parts]),
        brow=np.concatenate([part.brow for part in parts]),
        num_mixed=np.concatenate([part.num_mixed for part in parts]),
    )


def encode_webp(encoded: U8, quality: int = WEBP_QUALITY) -> bytes:
    """Return an encoded texture as WebP."""
    bgr = cv2.cvtColor(encoded, cv2.COLOR_RGB2BGR)
    done, blob = cv2.imencode(".webp", bgr, [cv2.IMWRITE_WEBP_QUALITY, quality])
    if not done:
        raise BankError("OpenCV can't write WebP.", advice="Install opencv-python-headless.")
    return blob.tobytes()


@functools.cache
def _shipped_bank() -> FaceBank:
    return FaceBank.load(_SHIPPED)


def _load_part(file: Path) -> FaceBank:
    if file.stat().st_size > _MAX_PART_BYTES:
        raise BankError(f"{file} is too large for a face bank.", advice=_REBUILD)
    try:
        with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as stored:
            blob = stored["webp"].tobytes()
            offset = stored["offset"].astype(np.int64)
            return FaceBank(
                webp=tuple(blob[a:b] for a, b in itertools.pairwise(offset)),
                shape=stored["shape"].astype(np.float32) + load_topology().mean_shape,
                age_years=stored["age_years"],
                female=stored["female"],
                tone=stored["tone"],
                beard=stored["beard"],
                brow=stored["brow"],
                num_mixed=stored["num_mixed"],
            )
    except (OSError, KeyError, ValueError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise BankError(f"{file} is not a face bank: {error}.", advice=_REBUILD) from error
