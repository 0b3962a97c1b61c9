from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fsp_ray.lake.media import LocalMedia
from fsp_ray.lake.sources import SourceVideo
from fsp_ray.raydata.waves import BYTES_PER_WORKER, VIDEOS_PER_WORKER, waves


def _source(number: int, size_bytes: int) -> SourceVideo:
    path = f"{number}.mp4"
    media = LocalMedia("/nowhere", "/nowhere")
    return SourceVideo(path, str(number), path, size_bytes, "f", "s", media)


@given(st.lists(st.integers(0, 5 << 30), max_size=120), st.integers(1, 4))
def test_waves_keep_order_lose_nothing_and_stay_in_bounds(sizes: list[int], workers: int) -> None:
    sources = [_source(number, size) for number, size in enumerate(sizes)]
    made = list(waves(sources, workers=workers))
    assert [source for wave in made for source in wave] == sources
    for wave in made:
        assert 1 <= len(wave) <= VIDEOS_PER_WORKER * workers
        assert len(wave) == 1 or sum(t.size_bytes for t in wave) <= BYTES_PER_WORKER * workers
