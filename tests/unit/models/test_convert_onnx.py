"""Converted ONNX files against the untouched ones in a second runtime."""

from __future__ import annotations

import cv2
import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from fsp_ray.models.convert.dequantise import dequantise_blocks
from fsp_ray.models.convert.graph import finish, set_interface
from fsp_ray.models.convert.prelu import rewrite_prelus
from fsp_ray.models.session import Session


def pixels(*shape):
    return np.random.default_rng(7).uniform(0, 255, shape).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "shape"), [("yunet", (1, 3, 96, 128)), ("sface", (1, 3, 112, 112))]
)
def test_dequantised_nets_give_what_the_quantised_files_give(source, converted, name, shape):
    batch = pixels(*shape)
    reference = ReferenceEvaluator(onnx.load_from_string(source(name)))
    expected = dict(
        zip(
            reference.output_names,
            reference.run(None, {reference.input_names[0]: batch}),
            strict=True,
        )
    )
    got = converted(name).run(batch)
    assert set(got) >= set(expected)  # SFace puts out its hidden layers, too
    for output, values in expected.items():
        np.testing.assert_allclose(got[output], values, atol=1e-5, rtol=1e-4)


def test_sface_takes_batches(converted):
    batch = pixels(3, 3, 112, 112)
    session = converted("sface")
    alone = np.concatenate([session.run(face[None])["fc1"] for face in batch])
    np.testing.assert_allclose(session.run(batch)["fc1"], alone, atol=1e-5)


def test_centerface_at_a_new_size_gives_what_opencv_gives(source, converted, tmp_path):
    path = tmp_path / "original.onnx"
    path.write_bytes(source("centerface"))
    batch = pixels(1, 3, 96, 160)
    # Not onnx.reference: it runs BatchNormalization of opset 9 as in training.
    net = cv2.dnn.readNetFromONNX(str(path))
    net.setInput(batch)
    expected = net.forward(["537", "538", "539", "540"])
    got = converted("centerface").run(batch)
    for output, values in zip(("heat", "scale", "offset", "points"), expected, strict=True):
        np.testing.assert_allclose(got[output], values, atol=1e-4)


@pytest.mark.parametrize("name", ["age", "gender"])
def test_files_that_need_no_conversion_stay_as_they_are(source, converted, name):
    side = {"age": 64, "gender": 32}[name]
    batch = pixels(2, 3, side, side) / np.float32(256) - np.float32(0.5)
    reference = ReferenceEvaluator(onnx.load_from_string(source(name)))
    expected = reference.run(None, {"images": batch})[0]
    np.testing.assert_allclose(converted(name).run(batch)["probabilities"], expected, atol=1e-5)


@settings(deadline=None)
@given(
    rows=st.integers(1, 5),
    columns=st.integers(1, 40),
    block_size=st.integers(1, 16),
    axis=st.integers(0, 1),
    seed=st.integers(0, 1000),
)
def test_every_value_is_scaled_by_its_own_block(rows, columns, block_size, axis, seed):
    rng = np.random.default_rng(seed)
    values = rng.integers(-128, 128, (rows, columns))
    blocks = [rows, columns]
    blocks[axis] = -(-blocks[axis] // block_size)
    scale = rng.uniform(0.01, 1, blocks).astype(np.float32)
    zero_point = rng.integers(-128, 128, blocks)
    got = dequantise_blocks(values, scale, zero_point, axis=axis, block_size=block_size)
    for row in range(rows):
        for column in range(columns):
            block = [row, column]
            block[axis] //= block_size
            step = float(scale[tuple(block)])
            expected = (int(values[row, column]) - int(zero_point[tuple(block)])) * step
            assert got[row, column] == pytest.approx(expected, rel=1e-5, abs=1e-6)


# No deadline: making a session takes as long as the machine is busy.
@settings(deadline=None, max_examples=40)
@given(slope=st.lists(st.floats(-2, 2, width=32), min_size=1, max_size=6))
def test_rewritten_prelu_bends_every_channel_by_its_slope(slope):
    slopes = np.array(slope, np.float32)
    graph = onnx.GraphProto(name="bend")
    graph.node.append(helper.make_node("PRelu", ["x", "slope"], ["y"]))
    graph.initializer.append(numpy_helper.from_array(slopes[:, None, None], "slope"))
    rewrite_prelus(graph)
    shape = ["n", len(slopes), 2, 2]
    set_interface(graph, {"x": shape}, {"y": shape})
    x = np.random.default_rng(1).normal(size=(2, len(slopes), 2, 2)).astype(np.float32)
    got = Session(finish(graph)).run(x)["y"]
    np.testing.assert_allclose(got, np.where(x > 0, x, x * slopes[:, None, None]), atol=1e-5)
    assert "PRelu" not in [node.op_type for node in graph.node]


def test_prelu_with_a_slope_for_every_pixel_is_refused():
    graph = onnx.GraphProto(name="bend")
    graph.node.append(helper.make_node("PRelu", ["x", "slope"], ["y"]))
    graph.initializer.append(numpy_helper.from_array(np.ones((2, 3, 3), np.float32), "slope"))
    with pytest.raises(ValueError, match="not one a channel"):
        rewrite_prelus(graph)
