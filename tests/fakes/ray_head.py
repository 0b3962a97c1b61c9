"""A Ray head of a test's own, that asks for a token: its own ports, folder and processes."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fakes.ports import free_ports
from tests.fakes.processes import descendants, kill, wait_gone

ROOT = Path(__file__).parents[2]
RAY = Path(sys.executable).parent / "ray"
START_S = 150.0  # a busy machine is slow to start Ray


@dataclass(frozen=True, slots=True)
class RayHead:
    """A head that runs.

    Attributes:
        pid: of `ray start`, above all of Ray's processes.
        address: of its dashboard, for `ray job submit`.
        gcs_address: host:port of the cluster itself.
        metrics_port: where its node tells Prometheus.
        token_file: holds the token; only this user can read it.
    """

    pid: int
    address: str
    gcs_address: str
    metrics_port: int
    token_file: Path = field(repr=False)

    def environment(self, *, token: Path | None) -> dict[str, str]:
        """Return a client's environment, with the token of a file, or with none to be found."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "FSP_"))}
        where = {"RAY_AUTH_TOKEN_PATH": str(token)} if token else {"HOME": str(ROOT / "nowhere")}
        return {**kept, "RAY_AUTH_MODE": "token" if token else "disabled", **where}

    def get(self, path: str) -> Any:
        """Ask the dashboard; the token goes into a header, and nowhere else."""
        bearer = f"Bearer {self.token_file.read_text(encoding='ascii')}"
        request = urllib.request.Request(self.address + path, headers={"Authorization": bearer})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def metric_names(self) -> set[str]:
        """Return the names of what the node tells Prometheus now; none while it does not answer."""
        try:
            url = f"http://127.0.0.1:{self.metrics_port}/metrics"
            with urllib.request.urlopen(url, timeout=10) as answer:
                text = answer.read().decode("utf-8")
        except OSError:
            return set()
        return set(re.findall(r"^([a-zA-Z_:]+)(?=[ {])", text, re.MULTILINE))

    def submit(
        self, *entrypoint: str, token: Path | None = None, timeout_s: float = 400.0
    ) -> subprocess.CompletedProcess[str]:
        """Run `ray job submit --working-dir .` from the repository, to its end."""
        words = ["job", "submit", "--address", self.address, "--working-dir", "."]
        return subprocess.run(
            [str(RAY), *words, "--", *entrypoint],
            cwd=ROOT,
            env=self.environment(token=token),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout_s,
            check=False,
        )


@contextmanager
def ray_head(
    *, num_cpus: int = 2, environment: Mapping[str, str] | None = None
) -> Generator[RayHead]:
    """Start a head, and end it and all below it.

    Its folder is short, for Ray's sockets: their paths may have 107 characters.
    """
    folder = Path(tempfile.mkdtemp(prefix="rh"))
    token = folder / "token"
    token.touch(mode=0o600)
    token.write_text(secrets.token_hex(32), encoding="ascii")
    gcs, dashboard, agent, grpc, client, metrics = free_ports(6)
    head_environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("RAY_")},
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_USAGE_STATS_ENABLED": "0",
        **(environment or {}),
    }
    command = [
        *(str(RAY), "start", "--head", "--block", "--node-ip-address=127.0.0.1"),
        *(f"--port={gcs}", f"--dashboard-port={dashboard}", "--dashboard-host=127.0.0.1"),
        *(f"--dashboard-agent-listen-port={agent}", f"--dashboard-agent-grpc-port={grpc}"),
        *(f"--ray-client-server-port={client}", f"--metrics-export-port={metrics}"),
        *(f"--num-cpus={num_cpus}", f"--object-store-memory={160 << 20}", f"--temp-dir={folder}"),
    ]
    with (folder / "head.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=head_environment, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        head = RayHead(
            process.pid,
            f"http://127.0.0.1:{dashboard}",
            f"127.0.0.1:{gcs}",
            metrics,
            token,
        )
        _wait_until_it_answers(head, process, folder / "head.log")
        yield head
    finally:
        below = descendants(process.pid)
        kill([process.pid, *below])
        process.wait()
        wait_gone(below, 10)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_it_answers(head: RayHead, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until jobs can be submitted."""
    deadline = time.monotonic() + START_S
    while not _answers(head):
        said = log.read_text(encoding="utf-8", errors="replace")[-2000:]
        assert process.poll() is None, f"the head ended: {said}"
        assert time.monotonic() < deadline, f"the head never answered: {said}"
        time.sleep(0.3)


def _answers(head: RayHead) -> bool:
    try:
        head.get("/api/jobs/")
    except OSError:  # as all of urllib's errors are
        return False
    return True
