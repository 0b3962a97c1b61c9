"""Checks for array holders: shape, dtype and finiteness, with errors that name the field."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def check_array(
    name: str,
    array: npt.NDArray[np.generic],
    dtype: npt.DTypeLike,
    shape: tuple[int | None, ...],
) -> None:
    """Raise ValueError unless `array` has the dtype and shape; None stands for any length."""
    if array.dtype != np.dtype(dtype):
        raise ValueError(f"{name} must be {np.dtype(dtype)}, not {array.dtype}")
    fits = array.ndim == len(shape) and all(
        want is None or want == got for want, got in zip(shape, array.shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("*" if want is None else str(want) for want in shape)
        raise ValueError(f"{name} must have shape ({wanted}), not {array.shape}")


def check_finite(name: str, array: npt.NDArray[np.floating]) -> None:
    """Raise ValueError if any value is nan or infinite."""
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds values that are not finite")
