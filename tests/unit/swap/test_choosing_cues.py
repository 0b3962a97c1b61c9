"""What is known of a face before it is drawn: its marks, and how it bends the source."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fsp_ray.core.face_types import SyntheticFace
from fsp_ray.swap.choosing_cues import TextureLikeness, shape_cues
from fsp_ray.swap.layout import DISTANCES
from fsp_ray.swap.settings import SwapSettings
from fsp_ray.synthesis import encode_ratio, load_topology
from fsp_ray.synthesis.texture import log_ratio
from tests.fakes.faces import make_source

MEAN = load_topology().mean_shape


def test_marks_are_compared_with_the_sources() -> None:
    source = make_source(seed=5)
    own = encode_ratio(log_ratio(source.texture, source.weight))
    likeness = TextureLikeness(source)
    face = SyntheticFace("p", own, MEAN.copy(), 30, "female")
    other = encode_ratio(log_ratio(make_source(seed=6).texture))
    assert likeness.of(face) > 0.9
    assert abs(likeness.of(replace(face, texture=other))) < 0.3


def test_the_gap_of_shapes_grows_with_the_difference() -> None:
    source = replace(make_source(), shape=MEAN.copy())
    plain = np.full((256, 256, 3), 128, np.uint8)
    wider = (MEAN * [1.06, 1, 1]).astype(np.float32)
    settings = SwapSettings(layout_gain=0)
    same = shape_cues(SyntheticFace("p", plain, MEAN.copy(), 30, "female"), source, settings)
    moved = shape_cues(SyntheticFace("p", plain, wider, 30, "female"), source, settings)
    assert moved.gap > same.gap + 0.005
    jaw = [distance.name for distance in DISTANCES].index("jaw width")
    assert abs(same.change[jaw]) < 0.1 < moved.change[jaw]
