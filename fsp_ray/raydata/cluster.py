"""Start or join a Ray cluster, with the settings that keep one bad video from stopping all."""

from __future__ import annotations

import importlib
import json
import logging
import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import ray
from ray.data import DataContext

from fsp_ray.raydata.resources import ClusterError, Share, Wishes, nodes_of, share_out

# Of a local Ray. Rows are paths and counts; batches of frames only with `--layout frames`.
OBJECT_STORE_BYTES = {"auto": 160 << 20, "shards": 160 << 20, "frames": 640 << 20}
REACH_S = 10.0
ANSWER_S = 30.0
# A cluster whose nodes are of no named type has only those that were started by hand.
_UNNAMED_NODE = re.compile(r"node_[0-9a-f]{16,}")

# An actor's tasks run in changing threads, each of which glibc gives a heap of its own; batches of
# frames that come and go there leave holes, and actors grew from .3 to .9 GB within minutes.
# Few heaps, and batches outside of them, keep an actor as small as its work.
WORKER_ENVIRONMENT = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": str(4 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(32 << 20),
}


# Workers of light steps stay for the next one. Ray ends those that idle for a second, and new ones
# would take more time to start than a light step takes.
LOCAL_SETTINGS = {"idle_worker_killing_time_threshold_ms": 3_600_000}

_WISHES = Wishes()


@contextmanager
def cluster(address: str | None, wishes: Wishes = _WISHES) -> Generator[Share]:
    """Join the cluster at `address`, or start a local one for the time of the block.

    A Ray that this process is already connected to is used as it is, and left running.

    Yields:
        What the run takes of it.

    Raises:
        ClusterError: the cluster can't be reached or started, or will never have room for the run.
    """
    ours = not ray.is_initialized()
    if ours:
        _start(address, OBJECT_STORE_BYTES[wishes.layout])
    try:
        _configure(DataContext.get_current())
        yield share_out(nodes_of(ray.nodes()), wishes, grows=bool(address) and _grows())
    finally:
        if ours:
            ray.shutdown()


def _grows() -> bool:
    """Tell whether an autoscaler may add nodes to the cluster."""
    # What `ray status` reads; Ray has no public name for it.
    kept: Any = importlib.import_module("ray.experimental.internal_kv")
    status = json.loads(kept._internal_kv_get("__autoscaling_status") or b"{}")
    types = (status.get("autoscaler_report") or {}).get("active_nodes") or {}
    if any(not _UNNAMED_NODE.fullmatch(name) for name in types):
        return True
    raylet: Any = importlib.import_module("ray._raylet")
    generated: Any = importlib.import_module("ray.core.generated.autoscaler_pb2")
    client = raylet.GcsClient(address=ray.get_runtime_context().gcs_address)
    reply = generated.GetClusterStatusReply()
    reply.ParseFromString(client.get_cluster_status(timeout_s=ANSWER_S))
    return bool(reply.HasField("autoscaling_state"))  # the second version alone says so


def _start(address: str | None, store_bytes: int) -> None:
    # Set before any worker starts: no usage report leaves the machine, and Ray's own log of
    # every worker does not go to the console, which is the progress line's.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    if not address:  # a local cluster's processes are children of this one
        for name, value in WORKER_ENVIRONMENT.items():
            os.environ.setdefault(name, value)
    with _own_stderr() as said:
        try:
            if address:
                _check_reachable(address)
                _check_ray(address)
                ray.init(
                    address=address,
                    runtime_env={"env_vars": WORKER_ENVIRONMENT},
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                )
            else:
                ray.init(
                    address="local",
                    include_dashboard=False,
                    object_store_memory=store_bytes,
                    _system_config=LOCAL_SETTINGS,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                )
        except Exception as error:  # a Ray that is late to start raises a bare one
            where = f"the Ray cluster at {address}" if address else "a local Ray"
            raise ClusterError(
                f"Can't reach {where}: {error}. {said()}".strip(),
                advice="Check --address and the token; `fsp doctor` says more about this machine.",
            ) from error


def _check_reachable(address: str) -> None:
    """Raise OSError if nobody listens there: Ray itself would wait for minutes, then exit."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdigit():  # else a word of Ray's, like "auto"
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACH_S).close()


def _check_ray(address: str) -> None:
    """Raise if who listens there is not a Ray that answers us: `ray.init` would end this process.

    Raises:
        ConnectionError, TimeoutError: with what was said.
    """
    if "://" in address:  # Ray's client gives up by itself
        return
    command = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address", address]
    try:
        done = subprocess.run(  # noqa: S603 - Ray's own command line
            command, capture_output=True, text=True, timeout=ANSWER_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"no Ray answered within {ANSWER_S:.0f} s") from None
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise ConnectionError(" ".join(["no Ray answered there", *last]))


@contextmanager
def _own_stderr() -> Generator[Callable[[], str]]:
    """Keep what Ray's native code says while it starts off the console: it is the progress line's.

    Yields:
        Returns the last of what was said, for an error message.
    """
    sys.stderr.flush()
    console = os.dup(2)
    with tempfile.TemporaryFile() as file:

        def said() -> str:
            file.seek(0)
            return file.read()[-400:].decode("utf-8", "replace").strip()

        os.dup2(file.fileno(), 2)
        try:
            yield said
        finally:
            os.dup2(console, 2)
            os.close(console)


def _configure(context: DataContext) -> None:
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.max_errored_blocks = -1  # a lost block is a failed video, not a failed run
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # what fails, we say ourselves
