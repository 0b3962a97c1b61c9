"""Look for faces in source frames the way that somebody would who wants to find them all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from fsp_ray.core.face_types import F32, U8, FaceBatch
from fsp_ray.core.protocols import Models
from fsp_ray.faces.fitting import fit_from_detections
from fsp_ray.faces.geometry import iou, nms

# Seen on film with the open pack: hands, cameras and dark corners score up to .78 in one look or
# another, and no mesh fits them; below it, a face is believed if a mesh fits, or if two looks or
# two nets agree.
_SURE_SCORE: Final = 0.8
_LIKELY_SCORE: Final = 0.7
# Two nets agree if the second's box, be it a hint, overlaps this much.
_AGREEING_IOU: Final = 0.35

# A second scale: the same nets see each quarter of the frame enlarged, with the middle in all four.
_TILE_SHARE: Final = 0.6
_MIN_SIDE_PX: Final = 128
_SAME_FACE_IOU: Final = 0.5


def find_faces(models: Models, rgb: U8, *, closely: bool) -> F32:
    """Return f32[M, 4], boxes of the faces that a detector is sure of, or two, or that a mesh fits.

    Args:
        models: both detectors are asked, and where they are in doubt the landmarker and the
            second detector.
        rgb: u8[H, W, 3].
        closely: look at a second scale, too.
    """
    tiled = closely and min(rgb.shape[:2]) >= _MIN_SIDE_PX
    tiles = tuple(_in_tiles(models, rgb)) if tiled else ()
    # The whole frame last: the second detector may be asked about it, and its net remembers.
    parts = [models.recall_detector.detect(rgb[None]), *tiles]
    quick = [models.detector.detect(rgb[None])]
    found = _united([*quick, *parts])
    sure = (found.det_score >= _SURE_SCORE) | (_seen(found, quick) & _seen(found, parts))
    fits = fit_from_detections(models.landmarker, rgb, found, np.flatnonzero(~sure).tolist())
    sure[list(fits)] = True
    if not sure.all():
        sure |= _agreed(found, models.second_detector.detect(rgb[None]))
    return found.xyxy[sure]


def _agreed(found: FaceBatch, second: FaceBatch) -> npt.NDArray[np.bool_]:
    """Return bool[M]: where the second net sees a head as well."""
    overlap = iou(found.xyxy, second.xyxy).max(axis=1, initial=0)
    return np.asarray(overlap >= _AGREEING_IOU)


def _seen(found: FaceBatch, parts: Sequence[FaceBatch]) -> npt.NDArray[np.bool_]:
    """Return bool[M]: who is likely in one of some looks."""
    likely = [part.xyxy[part.det_score >= _LIKELY_SCORE] for part in parts]
    boxes = np.concatenate([np.zeros((0, 4), np.float32), *likely])
    if not len(boxes) or not len(found):
        return np.zeros(len(found), np.bool_)
    return np.asarray(iou(found.xyxy, boxes).max(axis=1) >= _SAME_FACE_IOU)


def _in_tiles(models: Models, rgb: U8) -> Iterator[FaceBatch]:
    height, width = rgb.shape[:2]
    tall, wide = round(height * _TILE_SHARE), round(width * _TILE_SHARE)
    for top in (0, height - tall):
        for left in (0, width - wide):
            tile = np.ascontiguousarray(rgb[top : top + tall, left : left + wide])
            found = models.recall_detector.detect(tile[None])
            corner = np.array([left, top], np.float32)
            yield FaceBatch(
                found.frame_index,
                found.xyxy + np.tile(corner, 2),
                found.kps + corner,
                found.det_score,
            )


def _united(parts: Sequence[FaceBatch]) -> FaceBatch:
    """Join what was found in one frame, each face once, as its surest detection."""
    xyxy = np.concatenate([part.xyxy for part in parts])
    score = np.concatenate([part.det_score for part in parts])
    keep = nms(xyxy, score, max_iou=_SAME_FACE_IOU)
    kps = np.concatenate([part.kps for part in parts])[keep]
    return FaceBatch(np.zeros(len(keep), np.int64), xyxy[keep], kps, score[keep])
