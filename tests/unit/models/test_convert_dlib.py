"""The converted dlib net against its published definition, in numpy, wired from the top down."""

from __future__ import annotations

import numpy as np
import pytest

from fsp_ray.models.convert.dlib_reader import read_layers
from fsp_ray.models.convert.dlib_resnet import convert_dlib_resnet


class Reference:
    """dnn_face_recognition_ex.cpp: alevel0<alevel1<…<max_pool<relu<affine<con<32,7,7,2,2>>>>>>."""

    def __init__(self, data: bytes) -> None:
        layers = list(read_layers(data))
        (self.input,) = [layer for layer in layers if layer.kind == "input_rgb_image_sized"]
        (self.fc,) = [layer for layer in layers if layer.kind == "fc_2"]
        self.convs = iter([layer.params for layer in layers if layer.kind == "con_4"])
        self.affines = iter([layer.params for layer in layers if layer.kind == "affine_"])

    def con_affine(self, x, filters, size, stride):
        params, affine = (next(p).astype(np.float64) for p in (self.convs, self.affines))
        kernel = params[: filters * len(x) * size * size].reshape(filters, -1)
        pad = size // 2 if stride == 1 else 0
        x = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
        view = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))
        view = view[:, ::stride, ::stride].transpose(0, 3, 4, 1, 2)
        shape = (filters, *view.shape[3:])
        y = (kernel @ view.reshape(kernel.shape[1], -1)).reshape(shape)
        y += params[-filters:, None, None]
        return y * affine[:filters, None, None] + affine[filters:, None, None]

    def ares(self, x, filters, *, down=False):
        block = np.maximum(self.con_affine(x, filters, 3, 2 if down else 1), 0)
        block = self.con_affine(block, filters, 3, 1)
        if down:
            view = np.lib.stride_tricks.sliding_window_view(x, (2, 2), axis=(1, 2))
            x = view[:, ::2, ::2].mean(axis=(3, 4))
        total = np.zeros(np.maximum(x.shape, block.shape))
        for part in (x, block):
            total[: part.shape[0], : part.shape[1], : part.shape[2]] += part
        return np.maximum(total, 0)

    def run(self, image):
        mean = np.array(self.input.mean)
        x = (image - mean[:, None, None]) / 256
        x = np.maximum(self.con_affine(x, 32, 7, 2), 0)
        view = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))
        x = view[:, ::2, ::2].max(axis=(3, 4))
        for filters, blocks in ((32, 3), (64, 4), (128, 3), (256, 3), (256, 1)):
            has_down = filters != 32
            for block in range(blocks):
                x = self.ares(x, filters, down=has_down and block == 0)
        return x.mean(axis=(1, 2)) @ self.fc.params.reshape(256, 128)


def test_descriptor_equals_the_published_net(source, converted):
    images = np.random.default_rng(9).uniform(0, 255, (2, 3, 150, 150)).astype(np.float32)
    got = converted("dlib").run(images)["descriptor"]
    for index, image in enumerate(images):
        reference = Reference(source("dlib"))
        np.testing.assert_allclose(got[index], reference.run(image), atol=2e-6)
        assert next(reference.convs, None) is None  # every layer was used
    assert np.abs(got).max() > 0.1


def test_reader_knows_the_input_s_mean(source):
    first = next(read_layers(source("dlib")))
    assert first.mean == pytest.approx((122.782, 117.001, 104.298), abs=1e-4)


def test_a_file_that_is_cut_off_is_refused(source):
    with pytest.raises(ValueError, match="cut off"):
        convert_dlib_resnet(source("dlib")[:1_000_000])
