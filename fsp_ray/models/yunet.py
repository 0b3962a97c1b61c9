"""YuNet, a small anchor-free detector."""

from __future__ import annotations

from typing import Final

import numpy as np

from fsp_ray.core.face_types import F32, U8
from fsp_ray.models.chips import to_nchw
from fsp_ray.models.detection import Candidates
from fsp_ray.models.session import Session

MIN_SCORE: Final = 0.5
_STRIDES: Final = (8, 16, 32)
# exp of more than this is wider than any frame, and overflows in the end.
_MAX_LOG_SIZE: Final = 8.0


class YuNet:
    """Wu et al., "YuNet: A tiny millisecond-level face detector", MIR 2023; a `Finder`."""

    def __init__(self, session: Session, *, min_score: float = MIN_SCORE) -> None:
        self._session = session
        self._min_score = min_score

    def find(self, rgb: U8) -> Candidates:
        """Return candidates in one frame whose sides are multiples of 32."""
        outputs = self._session.run(to_nchw(rgb[None, :, :, ::-1]))
        levels = [self._decode(outputs, stride, rgb.shape[1] // stride) for stride in _STRIDES]
        return Candidates(*(np.concatenate(column) for column in zip(*levels, strict=True)))

    def _decode(self, outputs: dict[str, F32], stride: int, columns: int) -> Candidates:
        """Decode one level: centre = (cell + d)·s, size = exp(·)·s, point = (cell + k)·s."""
        confidence = outputs[f"cls_{stride}"][0, :, 0] * outputs[f"obj_{stride}"][0, :, 0]
        score = np.sqrt(np.clip(confidence, 0, 1))
        (index,) = np.nonzero(score >= self._min_score)
        cell = np.stack([index % columns, index // columns], axis=1).astype(np.float32)
        box = outputs[f"bbox_{stride}"][0, index]
        center = (cell + box[:, :2]) * stride
        half = np.exp(np.minimum(box[:, 2:], _MAX_LOG_SIZE)) * (stride / 2)
        offsets = outputs[f"kps_{stride}"][0, index].reshape(-1, 5, 2)
        kps = (cell[:, None] + offsets) * stride
        xyxy = np.concatenate([center - half, center + half], axis=1)
        return Candidates(xyxy.astype(np.float32), kps.astype(np.float32), score[index])
