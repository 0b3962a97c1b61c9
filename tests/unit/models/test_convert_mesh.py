"""The converted mesh and iris nets against a TFLite interpreter in numpy."""

from __future__ import annotations

import numpy as np
import pytest
import tflite

from fsp_ray.models.convert.mesh import convert_mesh
from fsp_ray.models.convert.tflite_reader import TfliteGraph


def windows(x, size, strides):
    """Return [out_h, out_w, size_h, size_w, C] of x [H, W, C]."""
    view = np.lib.stride_tricks.sliding_window_view(x, size, axis=(0, 1))
    return view[:: strides[0], :: strides[1]].transpose(0, 1, 3, 4, 2)


def pad_same(x, size, strides, fill):
    amounts = []
    for side, extent, stride in zip(x.shape[:2], size, strides, strict=True):
        total = max((-(-side // stride) - 1) * stride + extent - side, 0)
        amounts.append((total // 2, total - total // 2))
    return np.pad(x, [*amounts, (0, 0)], constant_values=fill)


def interpret(data: bytes, image):
    """Run the graph on one image [H, W, 3]; return all values by tensor name."""
    values = {"input_1": image.astype(np.float64)}
    for layer in TfliteGraph(data).layers():
        x = values[layer.inputs[0].name]
        operands = [tensor.data for tensor in layer.inputs[1:]]
        if layer.kind in ("CONV_2D", "DEPTHWISE_CONV_2D", "MAX_POOL_2D"):
            strides = (layer.options.StrideH(), layer.options.StrideW())
            size = (2, 2) if layer.kind == "MAX_POOL_2D" else operands[0].shape[1:3]
            fill = -np.inf if layer.kind == "MAX_POOL_2D" else 0.0
            if layer.options.Padding() == tflite.Padding.SAME:
                x = pad_same(x, size, strides, fill)
            seen = windows(x, size, strides)
        if layer.kind == "CONV_2D":
            y = np.tensordot(seen, operands[0], axes=([2, 3, 4], [1, 2, 3])) + operands[1]
        elif layer.kind == "DEPTHWISE_CONV_2D":
            y = (seen * operands[0][0]).sum(axis=(2, 3)) + operands[1]
        elif layer.kind == "MAX_POOL_2D":
            y = seen.max(axis=(2, 3))
        elif layer.kind == "PRELU":
            y = np.where(x > 0, x, x * operands[0])
        elif layer.kind == "ADD":
            y = x + values[layer.inputs[1].name]
        elif layer.kind == "RESHAPE":
            y = x.reshape(layer.outputs[0].shape[1:])
        else:
            assert layer.kind == "PAD"
            y = np.pad(x, operands[0][1:])
        assert y.shape == layer.outputs[0].shape[1:], layer.outputs[0].name
        values[layer.outputs[0].name] = y
    return values


def test_mesh_equals_an_independent_interpreter(source, converted):
    images = np.random.default_rng(3).uniform(0, 1, (2, 192, 192, 3)).astype(np.float32)
    got = converted("mesh").run(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
    for index, image in enumerate(images):
        expected = interpret(source("mesh"), image)
        points, presence = expected["conv2d_20"].reshape(-1), expected["conv2d_30"].reshape(-1)
        np.testing.assert_allclose(got["points"][index], points, atol=2e-3)  # pixels of 192
        np.testing.assert_allclose(got["presence_logit"][index], presence, atol=1e-3)


def test_the_lids_net_equals_an_independent_interpreter(source, converted):
    images = np.random.default_rng(4).uniform(0, 1, (2, 64, 64, 3)).astype(np.float32)
    got = converted("iris").run(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
    assert list(got) == ["contour"]
    for index, image in enumerate(images):
        expected = interpret(source("iris"), image)["conv_eyes_contours_and_brows"].reshape(-1)
        np.testing.assert_allclose(got["contour"][index], expected, atol=2e-3)  # pixels of 64


def test_a_layer_without_a_converter_is_named(source, monkeypatch):
    monkeypatch.setattr(
        "fsp_ray.models.convert.mesh.TfliteGraph",
        lambda _data: type("Graph", (), {"layers": lambda _self: [_Layer()]})(),
    )
    with pytest.raises(ValueError, match="no layer SOFTMAX"):
        convert_mesh(source("mesh"))


class _Layer:
    kind = "SOFTMAX"
    options = None
