"""One converter a file format: from a wheel's file to the ONNX file that runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fsp_ray.models.convert.centerface import convert_centerface
from fsp_ray.models.convert.dlib_resnet import convert_dlib_resnet
from fsp_ray.models.convert.mesh import convert_iris, convert_mesh
from fsp_ray.models.convert.sface import convert_sface
from fsp_ray.models.convert.yunet import convert_yunet


@dataclass(frozen=True, slots=True)
class Converter:
    """A pure function from file to file. `version` counts up when its result changes."""

    version: int
    convert: Callable[[bytes], bytes]


def as_is(source: bytes) -> bytes:
    """Return a file that needs no conversion."""
    return source


CONVERTERS: Final[dict[str, Converter]] = {
    "as_is": Converter(1, as_is),
    "centerface": Converter(1, convert_centerface),
    "dlib_resnet": Converter(1, convert_dlib_resnet),
    "iris": Converter(1, convert_iris),
    "mesh": Converter(1, convert_mesh),
    "sface": Converter(2, convert_sface),
    "yunet": Converter(1, convert_yunet),
}
