"""Starting, joining and leaving Ray."""

from __future__ import annotations

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


def test_a_port_where_somebody_else_listens_is_said_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fsp_ray.raydata.cluster.ANSWER_S", 3.0)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        start = time.monotonic()
        with pytest.raises(ClusterError, match="no Ray answered within 3 s"), cluster(address):
            pass
        assert time.monotonic() - start < 30
    assert not ray.is_initialized()


def test_a_host_that_does_not_exist_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "create_connection", unknown)
    with pytest.raises(ClusterError, match="Name or service not known"), cluster("head:6379"):
        pass


def test_a_ray_that_does_not_come_up_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def late(**_: object) -> None:
        raise Exception("The current node timed out during startup.")  # noqa: TRY002 - as Ray does

    monkeypatch.setattr(ray, "init", late)
    with (
        pytest.raises(ClusterError, match="local Ray: The current node timed out"),
        cluster(None),
    ):
        pass


@pytest.mark.ray
def test_a_ray_that_is_there_is_left_running_and_our_own_is_not() -> None:
    def run(address: str | None = None) -> None:
        with cluster(address) as share:
            assert share.workers == ray.cluster_resources()["CPU"]
            assert DataContext.get_current().max_errored_blocks == -1
            raise KeyboardInterrupt

    def run_twice() -> None:
        with cluster(None):  # now there is one
            with pytest.raises(KeyboardInterrupt):
                run()
            assert ray.is_initialized()
            with pytest.raises(KeyboardInterrupt):
                run("127.0.0.1:1")  # not looked for: this process has its cluster
            assert ray.is_initialized()
            raise RuntimeError("the run broke")

    with pytest.raises(RuntimeError, match="the run broke"):
        run_twice()
    assert not ray.is_initialized()
