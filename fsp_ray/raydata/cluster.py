"""Start or join a Ray cluster, with the settings that keep one bad video from stopping all."""

from __future__ import annotations

import logging
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager

import ray
from ray.data import DataContext

from fsp_ray.core.errors import FspError

# Rows are paths and counts; frames never go through the store (docs/design/).
OBJECT_STORE_BYTES = 160 << 20
STALL_S = 300.0
REACH_S = 10.0

# An actor's tasks run in changing threads, each of which glibc gives a heap of its own; batches of
# frames that come and go there leave holes, and actors grew from .3 to .9 GB within minutes.
# Few heaps, and batches outside of them, keep an actor as small as its work.
WORKER_ENVIRONMENT = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": str(4 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(32 << 20),
}


class ClusterError(FspError):
    """Ray could not be started or joined."""


@contextmanager
def cluster(address: str | None) -> Generator[int]:
    """Join the cluster at `address`, or start a local one for the time of the block.

    A Ray that this process is already connected to is used as it is, and left running.

    Yields:
        The number of CPUs that the cluster has.

    Raises:
        ClusterError: the cluster can't be reached or started.
    """
    ours = not ray.is_initialized()
    if ours:
        _start(address)
    try:
        _configure(DataContext.get_current())
        yield max(1, int(ray.cluster_resources().get("CPU", 1)))
    finally:
        if ours:
            ray.shutdown()


def _start(address: str | None) -> None:
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
                    object_store_memory=OBJECT_STORE_BYTES,
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
    context.execution_no_progress_timeout_s = STALL_S
    logging.getLogger("ray.data").setLevel(logging.ERROR)
