"""Reads the layers of a dlib network file, input side first.

dlib writes integers as a control byte (length in the low half, sign in bit 7) and that many
bytes, floats as two such integers (mantissa, binary exponent), strings as a length and the
characters, and tensors as a version, four sides and raw float32 (dlib/serialize.h, tensor.h).
A layer's record starts with its name; what stands between two records is training state, empty
in a published file, which is skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

_NAMES: Final = (
    "input_rgb_image_sized",
    "con_4",
    "affine_",
    "relu_",
    "max_pool_2",
    "avg_pool_2",
    "add_prev_",
    "fc_2",
)
_MARKER: Final = re.compile(
    b"|".join(b"\x01" + bytes([len(name)]) + re.escape(name.encode()) for name in _NAMES)
)
_TENSOR_VERSION: Final = 2


@dataclass(frozen=True, slots=True, eq=False)
class DlibLayer:
    """One record.

    Attributes:
        kind: its name in the file.
        params: f32[…], flat trained values, empty without.
        numbers: the settings that follow: for `con_4` filters, window y, x, stride y, x, padding
            y, x; for pools window, stride, padding; for `fc_2` outputs, inputs.
        mean: for the input layer, what is subtracted from R, G, B.
    """

    kind: str
    params: FloatArray = field(default_factory=lambda: np.empty(0, np.float32))
    numbers: tuple[int, ...] = ()
    mean: tuple[float, ...] = ()


def read_layers(data: bytes) -> Iterator[DlibLayer]:
    """Yield the layers of a network file.

    Raises:
        ValueError: the file is cut off, or a tensor is written in another version.
    """
    stream = _Stream(data)
    while (kind := stream.next_name()) is not None:
        if kind == "input_rgb_image_sized":
            yield DlibLayer(kind, mean=tuple(stream.number() for _ in range(3)))
        elif kind == "con_4":
            params = stream.tensor()
            yield DlibLayer(kind, params, stream.integers(7))
        elif kind == "affine_":
            yield DlibLayer(kind, stream.tensor())
        elif kind == "fc_2":
            numbers = stream.integers(2)
            yield DlibLayer(kind, stream.tensor(), numbers)
        elif kind in ("max_pool_2", "avg_pool_2"):
            yield DlibLayer(kind, numbers=stream.integers(6))
        else:
            yield DlibLayer(kind)


class _Stream:
    """A position in the file."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def next_name(self) -> str | None:
        match = _MARKER.search(self._data, self._at)
        if match is None:
            return None
        self._at = match.end()
        return match.group()[2:].decode()

    def integer(self) -> int:
        control = self._take(1)[0]
        value = int.from_bytes(self._take(control & 0x0F), "little")
        return -value if control & 0x80 else value

    def integers(self, count: int) -> tuple[int, ...]:
        return tuple(self.integer() for _ in range(count))

    def number(self) -> float:
        mantissa, exponent = self.integers(2)
        return mantissa * 2.0**exponent

    def tensor(self) -> FloatArray:
        version, *sides = self.integers(5)
        if version != _TENSOR_VERSION:
            raise ValueError(f"a dlib tensor of version {version} is not known")
        size = int(np.prod(sides))
        return np.frombuffer(self._take(4 * size), "<f4").astype(np.float32)

    def _take(self, count: int) -> bytes:
        part = self._data[self._at : self._at + count]
        if len(part) < count:
            raise ValueError("the dlib file is cut off")
        self._at += count
        return part
