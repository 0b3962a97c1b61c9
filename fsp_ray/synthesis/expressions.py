"""What a smile does to a shape, so that it is not taken for a trait of the person."""

from __future__ import annotations

import functools
import io
from importlib import resources
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from fsp_ray.core.face_types import F32, NUM_POINTS
from fsp_ray.synthesis.topology import load_topology

F64 = npt.NDArray[np.float64]

NUM_FIELDS: Final = 3


def neutralise(shape: F32) -> F32:
    """Return a normalised shape [468, 3] without what is moved as by smiling.

    Components along the expression fields are taken out of the deviation from the mean shape.
    A mouth that is wide by nature loses some of it, too: one view can't tell the two apart.
    """
    fields = load_expressions().reshape(NUM_FIELDS, -1)
    deviation = (shape - load_topology().mean_shape).astype(np.float64).ravel()
    neutral = deviation - fields.T @ (fields @ deviation)
    return (load_topology().mean_shape + neutral.reshape(NUM_POINTS, 3)).astype(np.float32)


@functools.cache
def load_expressions() -> F64:
    """Return the fields f64[3, 468, 3], orthonormal: corners of the mouth up, out, lips apart."""
    file = resources.files("fsp_ray.synthesis").joinpath("data/expressions.npz")
    with np.load(io.BytesIO(file.read_bytes())) as stored:
        fields = _orthonormal(stored["fields"].astype(np.float64))
    fields.flags.writeable = False
    return fields


def build_expressions(shapes: F32, out: Path) -> None:
    """Write the fields: the regression, over many faces, of the shape on three measures.

    Args:
        shapes: f32[N, 468, 3], normalised, smiling and not, of many people who do not exist.
        out: the .npz file.
    """
    deviation = (shapes - shapes.mean(axis=0)).reshape(len(shapes), -1).astype(np.float64)
    measures = np.stack(
        [
            shapes[:, [0, 17], 1].mean(axis=1) - shapes[:, [61, 291], 1].mean(axis=1),
            np.abs(shapes[:, 61, 0] - shapes[:, 291, 0]),
            np.linalg.norm(shapes[:, 13] - shapes[:, 14], axis=1),
        ],
        axis=1,
    )
    measures = (measures - measures.mean(axis=0)) / measures.std(axis=0)
    fields = np.linalg.lstsq(measures, deviation, rcond=None)[0]
    fields = np.asarray(fields, np.float64).reshape(NUM_FIELDS, NUM_POINTS, 3)
    fields = (fields + fields[:, load_topology().mirror] * [-1, 1, 1]) / 2
    np.savez_compressed(out, fields=fields.astype(np.float32))


def _orthonormal(fields: F64) -> F64:
    flat, _ = np.linalg.qr(fields.reshape(NUM_FIELDS, -1).T)
    return np.ascontiguousarray(flat.T).reshape(NUM_FIELDS, NUM_POINTS, 3)
