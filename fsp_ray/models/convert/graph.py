"""Small helpers to take ONNX graphs apart and put them together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

FloatArray = npt.NDArray[np.float32]

# Written files ask for no more than what onnxruntime 1.17 and later reads.
OPSET: Final = 17
IR_VERSION: Final = 8


def constants(graph: onnx.GraphProto) -> dict[str, npt.NDArray[np.generic]]:
    """Return the graph's initialisers as arrays, by name."""
    return {item.name: numpy_helper.to_array(item) for item in graph.initializer}


def replace_nodes(graph: onnx.GraphProto, nodes: Iterable[onnx.NodeProto]) -> None:
    """Put `nodes` in the place of all of the graph's nodes."""
    kept = list(nodes)
    del graph.node[:]
    graph.node.extend(kept)


def set_constants(graph: onnx.GraphProto, arrays: dict[str, npt.NDArray[np.generic]]) -> None:
    """Make `arrays`, as far as a node reads them, the graph's only initialisers."""
    used = {name for node in graph.node for name in node.input}
    del graph.initializer[:]
    graph.initializer.extend(
        numpy_helper.from_array(np.ascontiguousarray(array), name)
        for name, array in arrays.items()
        if name in used
    )


def set_interface(
    graph: onnx.GraphProto,
    inputs: Mapping[str, Sequence[int | str | None]],
    outputs: Mapping[str, Sequence[int | str | None]],
) -> None:
    """Declare the graph's float inputs and outputs anew, and drop all inferred shapes."""
    del graph.value_info[:]
    del graph.input[:]
    del graph.output[:]
    kind = onnx.TensorProto.FLOAT
    graph.input.extend(helper.make_tensor_value_info(k, kind, v) for k, v in inputs.items())
    graph.output.extend(helper.make_tensor_value_info(k, kind, v) for k, v in outputs.items())


def finish(graph: onnx.GraphProto, *, opset: int = OPSET) -> bytes:
    """Return the checked model file."""
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=IR_VERSION,
        producer_name="fsp_ray",
    )
    onnx.checker.check_model(model)
    return model.SerializeToString(deterministic=True)
