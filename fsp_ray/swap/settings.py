"""How strongly a face is changed, and how it is put on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SwapSettings:
    """Settings of the mesh swapper; the defaults are what the study chose.

    Attributes:
        shape_gain: how far the shape goes from the source's towards the synthetic one, and
            beyond it where over 1.
        max_shift: bound of a point's shift before it is rotated into the frame, face widths.
        feature_scale: size of eyes, nose and mouth inside of the head, 1 leaves it.
        expression_weight: share of the frame's own wrinkles and shadows that is kept, 0..1.
        feather: width of the soft edge, as a share of the face's width.
    """

    shape_gain: float = 2.0
    max_shift: float = 0.14
    feature_scale: float = 0.92
    expression_weight: float = 0.4
    feather: float = 0.045

    def __post_init__(self) -> None:
        if not 0 <= self.shape_gain <= 4:
            raise ValueError("shape_gain must lie in 0..4")
        if not 0 <= self.max_shift <= 0.3:
            raise ValueError("max_shift must lie in 0 to .3 face widths")
        if not 0.8 <= self.feature_scale <= 1.2:
            raise ValueError("feature_scale must lie in .8..1.2")
        if not 0 <= self.expression_weight <= 1:
            raise ValueError("expression_weight must lie in 0..1")
        if not 0 < self.feather <= 0.2:
            raise ValueError("feather must lie in 0 to .2 face widths")
