"""How strongly a face is changed, and how it is put on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fsp_ray.core.config import Privacy


@dataclass(frozen=True, slots=True)
class SwapSettings:
    """Settings of the mesh swapper; the defaults are what the study chose.

    Attributes:
        shape_gain: how far the shape goes from the source's towards the synthetic one, and
            beyond it where over 1.
        max_shift: bound of a point's shift before it is rotated into the frame, face widths.
        layout_gain: how far eyes, nose, mouth and jaw are led from where the source has them at
            least, in standard deviations of people.
        expression_weight: share of the frame's own wrinkles and shadows that is kept, 0..1.
        feather: width of the soft edge, as a share of the face's width.
    """

    shape_gain: float = 2.3
    max_shift: float = 0.17
    layout_gain: float = 2.0
    expression_weight: float = 0.25
    feather: float = 0.045

    def __post_init__(self) -> None:
        if not 0 <= self.shape_gain <= 4:
            raise ValueError("shape_gain must lie in 0..4")
        if not 0 <= self.max_shift <= 0.3:
            raise ValueError("max_shift must lie in 0 to .3 face widths")
        if not 0 <= self.layout_gain <= 3:
            raise ValueError("layout_gain must lie in 0..3")
        if not 0 <= self.expression_weight <= 1:
            raise ValueError("expression_weight must lie in 0..1")
        if not 0 < self.feather <= 0.2:
            raise ValueError("feather must lie in 0 to .2 face widths")

    @classmethod
    def for_privacy(cls, privacy: Privacy) -> SwapSettings:
        """Return the settings of `RunSettings.privacy`.

        `standard` looks natural. `strong` goes further from the original: features move more,
        which may show as an odd face, and fewer of the frame's own wrinkles are kept.
        """
        return _STRONG if privacy == "strong" else _STANDARD


_STANDARD: Final = SwapSettings()
_STRONG: Final = SwapSettings(
    shape_gain=2.9, max_shift=0.21, layout_gain=2.8, expression_weight=0.1
)
