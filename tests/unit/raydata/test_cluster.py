"""Starting, joining and leaving Ray."""

from __future__ import annotations

import logging
import os
import socket
import time

import pytest
import ray
from ray.data import DataContext

from fsp_ray.raydata.cluster import ClusterError, cluster


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_an_address_where_nobody_listens_is_said_at_once(scheme: str, closed_port: int) -> None:
    console = os.fstat(2)
    start = time.monotonic()
    address = f"{scheme}127.0.0.1:{closed_port}"
    with pytest.raises(ClusterError, match=address) as caught, cluster(address):
        pass
    assert time.monotonic() - start < 15
    assert "--address" in caught.value.advice
    assert not ray.is_initialized()
    assert (os.fstat(2).st_dev, os.fstat(2).st_ino) == (console.st_dev, console.st_ino)


def test_a_host_that_does_not_exist_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "create_connection", unknown)
    with pytest.raises(ClusterError, match="Name or service not known"), cluster("head:6379"):
        pass


@pytest.mark.ray
def test_a_ray_that_is_there_is_used_and_left_running() -> None:
    ray.init(
        address="local",
        num_cpus=3,
        include_dashboard=False,
        object_store_memory=100 << 20,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    try:
        with cluster(None) as cpus:
            assert cpus == 3
            assert DataContext.get_current().max_errored_blocks == -1
        assert ray.is_initialized()
        with pytest.raises(RuntimeError, match="the run broke"), cluster(None):
            raise RuntimeError("the run broke")
        assert ray.is_initialized()
    finally:
        ray.shutdown()


@pytest.mark.ray
def test_a_ray_of_our_own_is_stopped_however_the_run_ends() -> None:
    with pytest.raises(RuntimeError, match="the run broke"), cluster(None) as cpus:
        assert ray.is_initialized()
        assert cpus >= 1
        raise RuntimeError("the run broke")
    assert not ray.is_initialized()
