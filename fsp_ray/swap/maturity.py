"""How childlike a shift makes a face, and how childlike it may.

Features led away from where a grown person has them often end as a child's: wide-set eyes, a short
nose, a short chin. Such a face reads twenty years too young, and skin made old enough to outweigh
that looks like a mask.
"""

from __future__ import annotations

import functools
from typing import Final

import numpy as np

from fsp_ray.core.ages import Gender
from fsp_ray.core.face_types import SyntheticFace
from fsp_ray.faces.geometry import F64
from fsp_ray.synthesis import load_age_model, load_topology

_CHILD_YEARS, _GROWN_YEARS = 8.0, 30.0
# How far shapes may be shifted towards a child's, face widths over all points: little for whom
# is grown up, from the first age on; and for children, up to the second, as far as it goes.
_ADULT_YEARS, _INFANT_YEARS = 20.0, 7.0
_MOST: Final = (0.1, 0.6)


def grown_up(shift: F64, face: SyntheticFace, expressions: F64) -> F64:
    """Return a shift, f64[468, 3] face widths, without what is too childlike for the face's age.

    Args:
        shift: how each point moves.
        face: its age and gender count.
        expressions: f64[1404, E], orthonormal directions that must stay as they are.
    """
    direction = _childlike(face.gender)
    direction = direction - expressions @ (expressions.T @ direction)
    direction /= np.linalg.norm(direction)
    youth = float(np.clip((_ADULT_YEARS - face.age_years) / (_ADULT_YEARS - _INFANT_YEARS), 0, 1))
    most = _MOST[0] + youth * (_MOST[1] - _MOST[0])
    beyond = max(0.0, float(shift.ravel() @ direction) - most)
    return shift - beyond * direction.reshape(shift.shape)


@functools.cache
def _childlike(gender: Gender) -> F64:
    """Return how children differ from grown people, f64[1404], the same on both sides."""
    ages = load_age_model()
    child, grown = (ages.mean_shape(gender, years) for years in (_CHILD_YEARS, _GROWN_YEARS))
    change = child.astype(np.float64) - grown
    mirrored = change[load_topology().mirror] * np.array([-1, 1, 1])
    return ((change + mirrored) / 2).ravel()
