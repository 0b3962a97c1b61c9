"""Who asks the same thing second gets the same answer, and nobody an old one."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from fsp_ray.models.convert.pooling import add_pooled_output
from fsp_ray.models.convert.sface import POOLED
from fsp_ray.models.install import load_model
from fsp_ray.models.manifest import show_pack
from fsp_ray.models.pack_models import load_models
from fsp_ray.models.remembering import RememberingSession
from fsp_ray.models.session import Session


@pytest.fixture
def session(monkeypatch):
    """SFace, and how often it ran."""
    runs = []
    run = Session.run
    monkeypatch.setattr(Session, "run", lambda self, batch: runs.append(1) or run(self, batch))
    return RememberingSession(load_model("open", show_pack("open").model("sface"))), runs


def test_the_net_runs_once_for_two_who_ask_the_same(session):
    net, runs = session
    batch = np.random.default_rng(0).uniform(0, 255, (2, 3, 112, 112)).astype(np.float32)
    first, again = net.run(batch), net.run(batch.copy())
    assert len(runs) == 1
    np.testing.assert_array_equal(first["fc1"], again["fc1"])


def test_pixels_drawn_on_in_place_are_seen(session):
    net, runs = session
    batch = np.zeros((1, 3, 112, 112), np.float32)
    before = net.run(batch)["fc1"]
    batch[:, :, 40:80] = 255
    assert not np.array_equal(net.run(batch)["fc1"], before)
    assert len(runs) == 2


def test_pooled_layers_are_means_and_deviations_over_the_picture():
    x = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 2, 3, 4])
    out = onnx.helper.make_tensor_value_info("out", onnx.TensorProto.FLOAT, ["n", 4])
    graph = onnx.helper.make_graph([], "pool", [x], [out])
    add_pooled_output(graph, "out", means=["x"], deviations=["x"])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    values = np.random.default_rng(0).normal(0, 1, (5, 2, 3, 4)).astype(np.float32)
    (got,) = ReferenceEvaluator(model).run(None, {"x": values})
    wanted = np.concatenate([values.mean((2, 3)), values.std((2, 3))], axis=1)
    np.testing.assert_allclose(got, wanted, atol=1e-6)


def test_sface_puts_out_what_the_head_was_fitted_on(converted):
    batch = np.random.default_rng(1).uniform(0, 255, (2, 3, 112, 112)).astype(np.float32)
    pooled = converted("sface").run(batch)[POOLED]
    assert pooled.shape == (2, 3072)
    assert (pooled[:, 2048:] >= 0).all()


def test_two_detectors_that_share_a_net_run_it_once_for_a_frame(monkeypatch):
    runs = []
    run = Session.run
    monkeypatch.setattr(
        Session, "run", lambda self, batch: runs.append(batch.shape) or run(self, batch)
    )
    models = load_models("open")
    frame = np.random.default_rng(0).integers(0, 256, (1, 270, 480, 3), np.uint8)
    models.recall_detector.detect(frame)
    both = len(runs)
    models.second_detector.detect(frame)
    assert len(runs) == both
    models.second_detector.detect(255 - frame)
    assert len(runs) == both + 1
