from __future__ import annotations

import pytest

from fsp_ray.models.install import load_model, read_source
from fsp_ray.models.manifest import show_pack
from fsp_ray.models.session import Session


@pytest.fixture(scope="session")
def source():
    """The untouched file of a model, by name."""
    pack = show_pack("open")
    return lambda name: read_source(pack.model(name))


@pytest.fixture(scope="session")
def converted(tmp_path_factory):
    """A session on the installed file of a model, by name."""
    pack, cache = show_pack("open"), tmp_path_factory.mktemp("cache")

    def run(name: str) -> Session:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("FSP_RAY_CACHE", str(cache))
            return Session(load_model("open", pack.model(name)))

    return run


@pytest.fixture(autouse=True)
def _own_cache(request, tmp_path_factory, monkeypatch):
    """No test reads or writes the cache of the user who runs it."""
    monkeypatch.setenv("FSP_RAY_CACHE", str(tmp_path_factory.getbasetemp() / "models-cache"))
