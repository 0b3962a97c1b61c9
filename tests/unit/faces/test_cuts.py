from __future__ import annotations

import numpy as np

from fsp_ray.core.face_types import U8
from fsp_ray.faces.cuts import CutFinder, is_cut_between, shrink


def scene(seed: int, *, dark: float = 1.0, shift: int = 0) -> U8:
    blocks = np.random.default_rng(seed).integers(20, 236, (15, 24, 3))
    picture = np.roll(blocks.repeat(16, axis=0).repeat(16, axis=1), shift, axis=1) * dark
    return np.clip(picture, 0, 255).astype(np.uint8)


def cuts(frames: list[U8]) -> list[int]:
    finder = CutFinder()
    return [i for i, frame in enumerate(frames) if finder.push(frame)]


def test_a_new_scene_is_a_cut() -> None:
    assert cuts([scene(1)] * 5 + [scene(2)] * 5 + [scene(3)] * 5) == [5, 10]


def test_the_first_frame_and_a_still_are_none() -> None:
    assert cuts([scene(1)] * 10) == []


def test_flashes_and_fades_are_none() -> None:
    flash = scene(1).astype(np.float64)
    flash[:, 200:] = np.clip(flash[:, 200:] * 1.4 + 70, 0, 255)  # from one side
    frames = [scene(1)] * 4 + [flash.astype(np.uint8)] * 2 + [scene(1)] * 4
    assert cuts(frames) == []
    assert cuts([scene(1, dark=d) for d in np.linspace(1, 0.1, 12)]) == []


def test_a_pan_is_none() -> None:
    assert cuts([scene(1, shift=3 * i) for i in range(20)]) == []


def test_a_cut_between_letterboxed_pictures_is_found() -> None:
    def boxed(seed: int) -> U8:
        frame = scene(seed)
        frame[:40] = frame[-40:] = 0
        return frame

    assert cuts([boxed(1)] * 5 + [boxed(2)] * 5) == [5]


def test_a_cut_out_of_black_is_found_and_black_itself_is_none() -> None:
    black = np.zeros((240, 384, 3), np.uint8)
    assert cuts([black] * 5) == []
    assert cuts([black] * 5 + [scene(1)] * 5) == [5]


def test_a_cut_through_one_blended_frame_is_found() -> None:
    blend = (scene(1) * 0.35 + scene(2) * 0.65).astype(np.uint8)
    assert len(cuts([scene(1)] * 6 + [blend] + [scene(2)] * 6)) == 1


def test_two_frames_alone_tell_of_a_cut_in_doubt() -> None:
    rng = np.random.default_rng(5)
    one, other = (np.kron(rng.uniform(0, 255, (12, 12, 3)), np.ones((10, 10, 1))) for _ in range(2))
    a, b = (shrink(scene.astype(np.uint8)) for scene in (one, other))
    assert is_cut_between(a, b)
    assert not is_cut_between(a, shrink((one * 0.9).astype(np.uint8)))
    assert not is_cut_between(a, a)
