"""What compose.yaml starts, started here as processes, with its own commands and variables.

Only what containers would keep apart is put in: names of machines, ports and folders.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from fsp_ray.lake import Lake
from tests.fakes.media import Clip, write_clip
from tests.fakes.ports import free_ports
from tests.fakes.processes import descendants, kill, wait_gone

from .commands import ROOT
from .manifests import read_yaml

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(600)]

(COMPOSE,) = read_yaml(ROOT / "infra" / "compose" / "compose.yaml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
START_S = 120.0


@dataclass
class Machine:
    """This machine, in the place of all of the file's."""

    folder: Path
    variables: Mapping[str, str] = field(repr=False)
    ports: dict[str, int]
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    weeds_ports: list[int] = field(default_factory=list)

    def words(self, words: Sequence[str]) -> list[str]:
        return [self._here(word) for word in words]

    def _here(self, word: str) -> str:
        for name, port in self.ports.items():
            word = re.sub(rf"(?<=[:=]){name}\b", str(port), word)
        word = re.sub(r"(?<==)(s3|head|0\.0\.0\.0)\b|(?<=//)(s3|head)\b", "127.0.0.1", word)
        places = {"/data": "s3", "/archive": "archive", "/staging": "staging"}
        for there, here in places.items():
            word = re.sub(rf"^((?:-\w+=)?){there}$", rf"\g<1>{self.folder / here}", word)
        return word.replace("/opt/fsp/jobs", str(ROOT / "jobs"))

    def environment(self, name: str) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "AWS_", "FSP_"))}
        own = {
            variable: re.sub(r"\$\{(\w+):\?.*?\}", lambda m: self.variables[m[1]], value)
            for variable, value in SERVICES[name]["environment"].items()
        }
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        here = {variable: self._here(value) for variable, value in own.items()}
        apart = {"TMPDIR": str(self.folder), "RAY_USAGE_STATS_ENABLED": "0"}
        return {**kept, **apart, **here, "PATH": path}

    def start(self, name: str, *more: str) -> subprocess.Popen[bytes]:
        command = self.words(SERVICES[name]["command"])
        command = (
            [str(Path(sys.executable).with_name("weed")), *command] if name == "s3" else command
        )
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [*command, *more],
                cwd=self.folder,
                env=self.environment(name),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.running.append(process)
        return process

    def run(self, name: str, *more: str) -> str:
        """Run a service that ends, well; return what it said."""
        process = self.start(name, *more)
        code = process.wait(timeout=300)
        log = (self.folder / f"{name}.log").read_text("utf-8")
        assert code == 0, log
        return log

    def wait_healthy(self, name: str) -> None:
        """Call the service's own healthcheck until it is content."""
        words = self.words(SERVICES[name]["healthcheck"]["test"][1:])
        deadline = time.monotonic() + START_S
        while subprocess.run(
            words, env=self.environment(name), capture_output=True, check=False, timeout=60
        ).returncode:
            log = (self.folder / f"{name}.log").read_text("utf-8", "replace")
            assert self.running[-1].poll() is None, log[-3000:]
            assert time.monotonic() < deadline, log[-3000:]
            time.sleep(0.5)

    def end(self) -> None:
        for process in reversed(self.running):
            below = descendants(process.pid)
            kill([process.pid, *below])
            process.wait()
            wait_gone(below, 10)
        for port in self.weeds_ports:  # whatever it is told, it leaves these
            for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                path.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    folder = Path(tempfile.mkdtemp(prefix="cr"))  # short, for Ray's sockets
    for name in ("s3", "archive", "staging"):
        (folder / name).mkdir(mode=0o700)
    variables = {
        "ARCHIVE": str(folder / "archive"),
        "AWS_ACCESS_KEY_ID": secrets.token_hex(10),
        "AWS_SECRET_ACCESS_KEY": secrets.token_hex(20),
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
    }
    inside = ("8333", "6379", "8265", "8080")
    here = Machine(folder, variables, dict(zip(inside, free_ports(4), strict=True)))
    try:
        yield here
    finally:
        here.end()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def cluster(machine: Machine) -> Machine:
    """S3 server, head and worker."""
    ports = free_ports(16)
    names = ("s3.port.grpc", "master.port", "master.port.grpc", "volume.port", "volume.port.grpc")
    names += ("filer.port", "filer.port.grpc", "s3.port.iceberg", "s3.port.lance")
    grpc = [f"-{name}={port}" for name, port in zip(names, ports, strict=False)]
    sockets = [f"-{name}.localSocket={machine.folder / name}.sock" for name in ("s3", "filer")]
    machine.weeds_ports = [*ports, machine.ports["8333"]]
    machine.start("s3", *grpc, *sockets)
    machine.wait_healthy("s3")
    machine.run("bucket")
    ours = ("--node-ip-address=127.0.0.1", f"--temp-dir={machine.folder}")
    agents = ("dashboard-agent-listen-port", "dashboard-agent-grpc-port")
    machine.start(
        "head",
        *ours,
        f"--dashboard-port={machine.ports['8265']}",
        f"--ray-client-server-port={ports[10]}",
        *(f"--{name}={port}" for name, port in zip(agents, ports[11:13], strict=True)),
    )
    machine.wait_healthy("head")
    machine.start(
        "worker",
        ours[0],
        f"--metrics-export-port={ports[13]}",
        *(f"--{name}={port}" for name, port in zip(agents, ports[14:16], strict=True)),
    )
    return machine


def test_the_job_brings_the_archive_into_the_bucket(
    cluster: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_clip(cluster.folder / "archive" / "clip.mp4", Clip(pts=tuple(range(12))))
    log = cluster.run("job", "--replace", "cover")
    assert "1 published" in log
    for value in cluster.variables.values():
        assert value == cluster.variables["ARCHIVE"] or value not in log
    for name, value in cluster.environment("head").items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    rows = Lake.open("s3://lake").query("SELECT status, num_frames FROM videos").to_pylist()
    assert rows == [{"status": "published", "num_frames": 12}]
    staged = [path for path in (cluster.folder / "staging").rglob("*") if path.is_file()]
    assert staged == []
