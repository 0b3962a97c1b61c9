"""infra/compose: every name leads somewhere, every command would be read by what it is for."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from fsp_ray import __version__

from .commands import ROOT, check_command
from .manifests import read_yaml
from .weed import weed_flags

FOLDER = ROOT / "infra" / "compose"
FILE = FOLDER / "compose.yaml"
(COMPOSE,) = read_yaml(FILE)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
NODES = ("bucket", "head", "worker", "job")
# What the file uses of the compose specification; a slip of the pen is none of these.
SERVICE_FIELDS = {
    *("image", "build", "user", "environment", "volumes", "security_opt", "cap_drop", "shm_size"),
    *("networks", "tmpfs", "command", "healthcheck", "ports", "depends_on", "deploy", "restart"),
}
each_service = pytest.mark.parametrize("name", list(SERVICES))


def test_the_compose_specification_takes_it() -> None:
    package = find_spec("check_jsonschema")
    if package is None or package.origin is None:
        pytest.skip("check-jsonschema, which has the schema, is not installed")
    folder = Path(package.origin).parent / "builtin_schemas" / "vendor"
    schema = json.loads((folder / "compose-spec.json").read_text("utf-8"))
    jsonschema.validate(COMPOSE, schema)


def test_docker_reads_it() -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], check=False).returncode:
        pytest.skip("docker compose is not installed; the tests beside this one read the file")
    command = [docker, "compose", "-f", str(FILE), "--env-file", "/dev/stdin", "config", "-q"]
    filled = "".join(f"{name}=x\n" for name in _variables())
    subprocess.run(command, input=filled, text=True, check=True)


@each_service
def test_a_service_has_only_known_fields(name: str) -> None:
    assert set(SERVICES[name]) <= SERVICE_FIELDS


def _variables() -> list[str]:
    text = (FOLDER / "env.example").read_text("utf-8")
    return re.findall(r"^([A-Z_]+)=$", text, re.MULTILINE)


def test_every_variable_is_required_and_explained() -> None:
    used = re.findall(r"\$\{([A-Z_]+)(.*?)\}", FILE.read_text("utf-8"))
    assert {name for name, _ in used} == set(_variables())
    assert {rest for _, rest in used} == {":?see env.example"}, "nothing runs on an empty secret"


def test_no_secret_is_in_the_folder() -> None:
    assert (FOLDER / ".gitignore").read_text("utf-8").split() == [".env"]
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if re.search("TOKEN|SECRET|ACCESS_KEY", variable):
                assert value.startswith(f"${{{variable}:?"), name


@each_service
def test_names_lead_somewhere(name: str) -> None:
    service = SERVICES[name]
    assert set(service["networks"]) <= set(COMPOSE["networks"])
    for other, how in service.get("depends_on", {}).items():
        needs = {
            "service_started": "command",
            "service_healthy": "healthcheck",
            "service_completed_successfully": "restart",
        }
        assert needs[how["condition"]] in SERVICES[other]
    for volume in service["volumes"]:
        source = volume.rsplit(":/", 1)[0]
        assert source.startswith("${ARCHIVE") or source in COMPOSE["volumes"], volume


@each_service
def test_an_image_has_a_version(name: str) -> None:
    image, _, tag = SERVICES[name]["image"].partition(":")
    assert tag not in {"", "latest"}
    if name in NODES:
        assert (image, tag) == ("fsp-ray", __version__)
        build = SERVICES[name]["build"]
        assert (FOLDER / build["context"]).resolve() == ROOT
        assert (ROOT / build["dockerfile"]).is_file()


@pytest.mark.parametrize("name", NODES)
def test_a_node_s_commands_would_be_read(name: str) -> None:
    service = SERVICES[name]
    assert {word for word in service["command"] if not isinstance(word, str)} == set()
    check_command(service["command"])
    if "healthcheck" in service:
        kind, *words = service["healthcheck"]["test"]
        assert kind == "CMD"
        check_command(words)


def test_the_s3_server_knows_its_options() -> None:
    command, *options = SERVICES["s3"]["command"]
    assert command == "server"
    known = weed_flags("server")
    for option in options:
        assert option.removeprefix("-").partition("=")[0] in known, option


def test_one_reaches_the_other_by_name_and_port() -> None:
    environment = SERVICES["worker"]["environment"]
    (s3_port,) = [
        w.partition("=")[2] for w in SERVICES["s3"]["command"] if w.startswith("-s3.port=")
    ]
    assert environment["AWS_ENDPOINT_URL"] == f"http://s3:{s3_port}"
    (gcs_port,) = [
        w.partition("=")[2] for w in SERVICES["head"]["command"] if w.startswith("--port=")
    ]
    assert f"--address=head:{gcs_port}" in SERVICES["worker"]["command"]
    assert "--address=http://head:8265" in SERVICES["job"]["command"]


def test_only_the_dashboard_is_seen_and_only_here() -> None:
    assert {n: s["ports"] for n, s in SERVICES.items() if "ports" in s} == {
        "head": ["127.0.0.1:8265:8265"]
    }
    assert COMPOSE["networks"]["inside"] == {"internal": True}


def test_the_archive_is_only_read_and_staging_is_in_memory() -> None:
    for name in ("head", "worker"):
        assert "${ARCHIVE:?see env.example}:/archive:ro" in SERVICES[name]["volumes"]
        assert "staging:/staging" in SERVICES[name]["volumes"]
        assert SERVICES[name]["environment"]["FSP_STAGING"] == "/staging"
        assert SERVICES[name]["tmpfs"] == ["/tmp:size=1g"]
    options = COMPOSE["volumes"]["staging"]["driver_opts"]
    assert options["type"] == "tmpfs"
    assert {"uid=1000", "mode=0700"} <= set(options["o"].split(","))


@each_service
def test_a_service_has_limits_and_no_privileges(name: str) -> None:
    service = SERVICES[name]
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
    assert service["security_opt"] == ["no-new-privileges:true"]
    if name in NODES:
        assert service["cap_drop"] == ["ALL"]
        assert service["user"] == "1000:1000"


def test_the_job_knows_no_key_of_the_bucket() -> None:
    assert not [name for name in SERVICES["job"]["environment"] if name.startswith("AWS_")]


def test_the_files_that_it_speaks_of_are_there() -> None:
    named = re.findall(r"infra/[\w./-]+", FILE.read_text("utf-8"))
    assert {name for name in named if not (ROOT / name).exists()} <= {"infra/compose/.env"}
    assert Path(FILE.parent / "env.example").is_file()
