"""What a net's layers say of a face as a whole: means and deviations of their channels.

Recognisers are trained to forget age; their hidden layers still show it.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx
from onnx import helper

_PLACES = [2, 3]


def add_pooled_output(
    graph: onnx.GraphProto, name: str, *, means: Sequence[str], deviations: Sequence[str]
) -> None:
    """Add nodes that compute one flat output, f32[N, channels of all layers named].

    Args:
        graph: changed in place; the output is still to be declared.
        name: of the output.
        means: layers, [N, C, H, W], to take each channel's mean of over the picture.
        deviations: layers to take each channel's standard deviation of; they come last.
    """
    parts: list[str] = []
    for layer in means:
        parts.append(f"{layer}/mean")
        graph.node.append(_mean(layer, parts[-1]))
    for layer in deviations:
        parts.append(f"{layer}/deviation")
        graph.node.extend(_deviation(layer, parts[-1]))
    graph.node.append(helper.make_node("Concat", parts, [name], axis=1))


def _mean(source: str, target: str) -> onnx.NodeProto:
    return helper.make_node("ReduceMean", [source], [target], axes=_PLACES, keepdims=0)


def _deviation(source: str, target: str) -> list[onnx.NodeProto]:
    centre, left, square, variance = (f"{target}/{part}" for part in ("c", "l", "s", "v"))
    return [
        helper.make_node("ReduceMean", [source], [centre], axes=_PLACES, keepdims=1),
        helper.make_node("Sub", [source, centre], [left]),
        helper.make_node("Mul", [left, left], [square]),
        _mean(square, variance),
        helper.make_node("Sqrt", [variance], [target]),
    ]
