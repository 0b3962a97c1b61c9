"""Two S3 servers on loopback, each for the time of a block: SeaweedFS, a real one, and moto.

Both check keys and signatures. Ports are free ones, data lie in a folder of their own, and the
process is killed by its id at the end.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.config import Config

from tests.fakes.ports import free_ports

ACCESS_KEY = "AKIAFSPRAYTESTKEYONE"
SECRET_KEY = "throw+away/0123456789abcdefghijklmnopqrs"
REGION = "us-east-1"
START_S = 60.0
"""For the server to answer; it takes 3 s on an idle machine."""

_ATTEMPTS = 4
_UNSET = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3", "AWS_DEFAULT_REGION")


class ServerError(Exception):
    """A server did not come up."""


@dataclass(frozen=True)
class S3Server:
    """A server that is up.

    Attributes:
        endpoint: `http://127.0.0.1:PORT`.
        process: of the server itself, also when `endpoint` is a proxy's.
    """

    name: str
    endpoint: str
    process: subprocess.Popen[bytes]
    access_key: str = ACCESS_KEY
    secret_key: str = field(default=SECRET_KEY, repr=False)

    def environ(self) -> dict[str, str]:
        """Return what a process, and a local Ray's workers, find the server by."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": REGION,
            "AWS_ALLOW_HTTP": "true",
            "AWS_EC2_METADATA_DISABLED": "true",
            # Nobody's own settings take part.
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }

    def use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let this process, and those it starts, use the server."""
        for name in _UNSET:
            monkeypatch.delenv(name, raising=False)
        for name, value in self.environ().items():
            monkeypatch.setenv(name, value)

    def behind(self, endpoint: str) -> S3Server:
        """Return the server as it is reached through a proxy."""
        return replace(self, endpoint=endpoint)

    def client(self) -> Any:
        """Return a boto3 client with these keys, whatever the environment says."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=REGION,
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )

    def make_bucket(self, name: str) -> str:
        """Make a bucket; return its s3:// URI."""
        self.client().create_bucket(Bucket=name)
        return f"s3://{name}"

    def objects(self, uri: str) -> dict[str, tuple[str, int, datetime]]:
        """Return (etag, size, time of writing) by key of everything under a URI."""
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        pages = (
            self.client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        )
        return {
            item["Key"]: (item["ETag"].strip('"'), item["Size"], item["LastModified"])
            for page in pages
            for item in page.get("Contents", ())
        }

    def upload(self, folder: Path, uri: str) -> None:
        """Put every file of a folder under a URI."""
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        client = self.client()
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                rel = path.relative_to(folder).as_posix()
                key = f"{prefix}/{rel}" if prefix else rel
                client.put_object(Bucket=bucket, Key=key, Body=path.read_bytes())

    def stop(self) -> None:
        """Let it hang, as a machine that lost its network: connections are taken, not answered."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Undo `stop`."""
        self.process.send_signal(signal.SIGCONT)


@dataclass(frozen=True)
class Place:
    """Where a lake may lie; `server` is None for a folder."""

    root: str
    server: S3Server | None

    def uri(self, name: str) -> str:
        """Return where something of that name lies there."""
        return f"{self.root}/{name}"


@contextmanager
def seaweedfs() -> Generator[S3Server]:
    """Run a SeaweedFS with one identity; nobody else may do anything."""
    with _started("SeaweedFS", _seaweedfs_command, "/", 403) as server:
        yield server


@contextmanager
def moto() -> Generator[S3Server]:
    """Run a moto with one user, whose keys and signatures it checks."""
    with _started("moto", _moto_command, "/moto-api/", 200) as server:
        yield _with_moto_user(server)


SERVERS: Mapping[str, Callable[[], Any]] = {"moto": moto, "seaweedfs": seaweedfs}


def _seaweedfs_command(folder: Path, ports: Sequence[int]) -> list[str]:
    identity = (
        '{"identities":[{"name":"tests","credentials":[{"accessKey":"%s","secretKey":"%s"}],'
        '"actions":["Admin","Read","Write","List","Tagging"]}]}'
    )
    config = folder / "s3.json"
    config.write_text(identity % (ACCESS_KEY, SECRET_KEY), encoding="utf-8")
    names = ("s3.port", "s3.port.grpc", "master.port", "master.port.grpc", "volume.port")
    names += ("volume.port.grpc", "filer.port", "filer.port.grpc")
    return [
        str(Path(sys.executable).with_name("weed")),
        "-logtostderr=true",
        "server",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-dir={folder}",
        "-s3",
        f"-s3.config={config}",
        f"-s3.localSocket={folder / 's3.sock'}",
        f"-filer.localSocket={folder / 'filer.sock'}",
        "-s3.iam=false",
        "-s3.autoCreateBucket=false",  # as AWS
        "-s3.allowEmptyFolder=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-master.telemetry=false",
        "-master.volumeSizeLimitMB=64",
        "-volume.max=100",
        "-volume.minFreeSpace=1",
        *(f"-{name}={port}" for name, port in zip(names, ports, strict=False)),
    ]


def _moto_command(folder: Path, ports: Sequence[int]) -> list[str]:
    return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(ports[0])]


# Calls that moto answers to anybody, before it begins to check: those that make the user.
_MOTO_ENVIRONMENT = {"INITIAL_NO_AUTH_ACTION_COUNT": "3"}


def _with_moto_user(server: S3Server) -> S3Server:
    """Make a user who may do everything; moto checks every call from then on."""
    session = botocore.session.Session()
    iam = session.create_client(
        "iam",
        endpoint_url=server.endpoint,
        region_name=REGION,
        aws_access_key_id="nobody",
        aws_secret_access_key="nothing",
    )
    iam.create_user(UserName="tests")
    policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
    iam.put_user_policy(UserName="tests", PolicyName="all", PolicyDocument=policy)
    made = iam.create_access_key(UserName="tests")["AccessKey"]
    return replace(server, access_key=made["AccessKeyId"], secret_key=made["SecretAccessKey"])


@contextmanager
def _started(
    name: str, command: Callable[[Path, Sequence[int]], list[str]], path: str, status: int
) -> Generator[S3Server]:
    """Start a server, again on other ports if somebody took one meanwhile.

    It is up when it answers to `path` with `status`.
    """
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="fsp_s3_"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        for _ in range(_ATTEMPTS):
            ports = free_ports(8)
            stack.callback(_remove_sockets, ports)
            process = _run(command(folder, ports), folder)
            endpoint = f"http://127.0.0.1:{ports[0]}"
            if _answers(endpoint + path, process, status):
                stack.callback(_end, process)
                yield S3Server(name, endpoint, process)
                return
            _end(process)
        said = (folder / "log").read_text(encoding="utf-8", errors="replace")
        raise ServerError(f"{name} did not start: {said[-2000:]}")


def _run(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environ |= {"TMPDIR": str(folder), "HOME": str(folder), "GOMAXPROCS": "2"} | _MOTO_ENVIRONMENT
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(command, cwd=folder, env=environ, stdout=log, stderr=log)


def _answers(url: str, process: subprocess.Popen[bytes], status: int) -> bool:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError):
            try:
                with urllib.request.urlopen(url, timeout=5) as answer:
                    found = answer.status
            except urllib.error.HTTPError as error:
                found = error.code
            if found == status:
                return True
        time.sleep(0.1)
    return False


def _remove_sockets(ports: Sequence[int]) -> None:
    """SeaweedFS makes these in /tmp, whatever it is told, and leaves them when it is killed."""
    for port in ports:
        for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
            path.unlink(missing_ok=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
