"""The landmarker's lids follow what is seen: open eyes, eyes that someone shut."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fsp_ray.faces.geometry import head_pose, rois_from_landmarks
from fsp_ray.models.eyelids import LidReader
from fsp_ray.models.mesh import MeshLandmarker

UPPER = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133),
    (362, 398, 384, 385, 386, 387, 388, 466, 263),
)
LOWER = ((33, 7, 163, 144, 145, 153, 154, 155, 133), (362, 382, 381, 380, 374, 373, 390, 249, 263))


def opening(points):
    """How far the eyes of meshes [M, 468, 3] are open, in eye widths, f64[M]."""
    shares = []
    for upper, lower in zip(UPPER, LOWER, strict=True):
        gap = points[:, lower[3:6], :2] - points[:, upper[3:6], :2]
        width = np.linalg.norm(points[:, upper[-1], :2] - points[:, upper[0], :2], axis=1)
        shares.append(np.linalg.norm(gap, axis=2).mean(axis=1) / width)
    return np.mean(shares, axis=0)


def with_lids_down(rgb, points, share):
    """Paint each upper lid down over a share of the opening: the skin above it, then lashes."""
    out = rgb.copy()
    for upper, lower in zip(UPPER, LOWER, strict=True):
        top, low = points[list(upper), :2], points[list(lower), :2]
        edge = top + share * (low - top)
        down = (low[4] - top[4]) / max(np.linalg.norm(low[4] - top[4]), 1e-6)
        width = np.linalg.norm(top[-1] - top[0])
        x, y = np.round(top[4] - 0.12 * width * down).astype(int)
        skin = rgb[y - 1 : y + 2, x - 1 : x + 2].reshape(-1, 3).mean(axis=0)
        lid = np.concatenate([top - 0.04 * width * down, edge[::-1]])
        cv2.fillPoly(out, [np.round(lid * 16).astype(np.int32)], skin.tolist(), cv2.LINE_AA, 4)
        line = np.round(edge * 16).astype(np.int32)
        thick = max(1, round(0.05 * width))
        cv2.polylines(out, [line], False, (skin * 0.35).tolist(), thick, cv2.LINE_AA, 4)
    return out


@pytest.fixture(scope="module")
def unread(models, group, meshes):
    """The same meshes with lids as the mesh net has them, f32[M, 468, 3]."""
    bare = MeshLandmarker(models.landmarker._session)
    return bare.landmarks(group, rois_from_landmarks(meshes.points)).points


def test_who_looks_down_is_told_from_who_looks_up(meshes, unread):
    """Two of the six have their eyes all but shut, which the bare mesh hardly sees."""
    read, mesh = np.sort(opening(meshes.points)), np.sort(opening(unread))
    assert read[1] < 0.55 * np.median(read[2:])
    assert mesh[1] > 0.7 * np.median(mesh[2:])


def test_lids_that_are_painted_shut_read_as_shut_and_half_shut_ones_between(models, group, meshes):
    seen = (opening(meshes.points) > 0.2) & (np.abs(head_pose(meshes.points).yaw) < 30)
    assert seen.any()
    for face in meshes.points[seen]:
        read = []
        for share in (0.0, 0.5, 1.0):
            picture = with_lids_down(group, face, share) if share else group
            fitted = models.landmarker.landmarks(picture, rois_from_landmarks(face[None]))
            read.append(float(opening(fitted.points)[0]))
        assert read[0] > read[1] > read[2]
        assert read[2] < 0.6 * read[0]


def test_only_lids_move_and_corners_stay(models, group, unread):
    reader = _reader(models)
    moved = np.abs(reader.refine(group, unread) - unread).max(axis=(0, 2)) > 0
    corners = (33, 133, 362, 263)
    rims = {point for side in (*UPPER, *LOWER) for point in side} - set(corners)
    assert not moved[list(corners)].any()
    assert rims <= set(np.flatnonzero(moved).tolist())
    assert moved.sum() <= len(rims) + 28


def test_both_eyes_are_read_alike(models, group, unread):
    """A mirrored picture gives mirrored lids."""
    reader, width = _reader(models), group.shape[1]
    here = reader.refine(group, unread)
    there = unread.copy()
    there[:, :, 0] = width - there[:, :, 0]
    for left, right in zip((*UPPER, *LOWER), (*UPPER[::-1], *LOWER[::-1]), strict=True):
        there[:, list(left), 1:] = unread[:, list(right[::-1]), 1:]
        there[:, list(left), 0] = width - unread[:, list(right[::-1]), 0]
    mirrored = reader.refine(np.ascontiguousarray(group[:, ::-1]), there)
    np.testing.assert_allclose(opening(mirrored), opening(here), atol=0.03)


def test_of_eyes_seen_from_the_side_or_of_few_pixels_the_mesh_is_kept(models, group, unread):
    reader = _reader(models)
    tiny = unread * np.float32(2.5 / np.ptp(unread[:, [33, 133], 0], axis=1).max())
    np.testing.assert_array_equal(reader.refine(group, tiny), tiny)
    side = unread.copy()
    side[:, [133, 263], 2] += np.float32(10) * np.ptp(unread[:, :, 0], axis=1)[:, None]
    np.testing.assert_allclose(reader.refine(group, side), side, atol=1e-3)


def test_no_mesh_is_fine(models, group):
    nothing = np.empty((0, 468, 3), np.float32)
    assert _reader(models).refine(group, nothing).shape == (0, 468, 3)


def _reader(models) -> LidReader:
    reader = models.landmarker._lids
    assert isinstance(reader, LidReader)
    return reader
