from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fsp_ray.core.errors import LakeError
from fsp_ray.lake.layout import certificate_path, published_path, staging_path

# Pieces that names are made of, chosen to collide if anything can.
PIECES = st.sampled_from(
    ["a", "B", ".json", ".mp4", ".MP4", ".mov", ".Mov", ".d", ".", " ", "é", "\n"]
)
NAMES = st.lists(PIECES, min_size=1, max_size=5).map("".join)
FOLDERS = NAMES.map(lambda name: name if name.strip(".") else "a")
FILES = st.builds(str.__add__, NAMES, st.sampled_from([".mp4", ".MP4", ".mov", ".Mov"]))
PATHS = st.builds(
    lambda folders, file: "/".join([*folders, file]), st.lists(FOLDERS, max_size=2), FILES
)


@pytest.mark.parametrize(
    ("source", "published"),
    [
        ("clip.mp4", "videos/clip.mp4"),
        ("clip.mov", "videos/clip.mov.mp4"),
        ("clip.mov.mp4", "videos/clip.mov.mp4.mp4"),
        ("clip.MP4", "videos/clip.MP4.mp4"),
        ("clip.MP4.mp4", "videos/clip.MP4.mp4.mp4"),
        ("clip.final.mp4", "videos/clip.final.mp4"),
        ("a b/ü\n.mkv", "videos/a b/ü\n.mkv.mp4"),
        ("clip.mp4/inside.mp4", "videos/clip.mp4.d/inside.mp4"),
    ],
)
def test_published_path(source: str, published: str) -> None:
    assert published_path(source) == published


@given(st.lists(PATHS, min_size=2, max_size=12, unique=True))
@example(["x.mov", "x.mov.mp4", "x.mov.mp4.mp4", "x.MOV", "x.MOV.mp4"])
@example(["x.mov", "x.mov.mp4.json/y.mp4", "x.mov.mp4.json.d/y.mp4"])
@example(["x.mov", "x.mov.mp4/y.mp4", "x.mov.mp4.d/y.mp4", "x.mov.mp4.d.d/y.mp4"])
def test_no_two_sources_share_a_place_nor_is_one_a_folder_of_another(paths: list[str]) -> None:
    places = [published_path(path) for path in paths]
    assert len(set(places)) == len(places)
    for one, other in itertools.permutations(places, 2):
        assert not other.startswith(f"{one}/")
    assert all(place.endswith(".mp4") for place in places)
    certificates = [certificate_path(path) for path in paths]
    assert not set(certificates) & set(places)
    for certificate, place in itertools.product(certificates, places):
        assert not place.startswith(f"{certificate}/")


@pytest.mark.parametrize(
    "path",
    ["../x.mp4", "/x.mp4", "a//x.mp4", "a/../x.mp4", "./x.mp4", "x.txt", ".mp4", "", "a\0b.mp4"],
)
def test_paths_that_lead_elsewhere_are_refused(path: str) -> None:
    with pytest.raises(LakeError):
        published_path(path)


@pytest.mark.parametrize("run", ["", "..", "a/b", "publishing", ".hidden", "a\n"])
def test_run_ids_that_lead_elsewhere_are_refused(run: str) -> None:
    with pytest.raises(LakeError):
        staging_path(run)
