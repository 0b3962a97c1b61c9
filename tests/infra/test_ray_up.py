"""infra/ray-cluster/cluster.yaml, read by the Ray that would be started with it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from ray.autoscaler._private.util import prepare_config, validate_config

from .commands import ROOT, check_command, shell_commands
from .manifests import read_yaml

FILE = ROOT / "infra" / "ray-cluster" / "cluster.yaml"
VENV = "~/fsp-ray/venv/bin/"
# Of every Linux that people log in to; the rest is of the locked environment.
OF_THE_MACHINE = {"chmod", "test", "ulimit", "python3"}


@pytest.fixture
def config() -> dict[str, Any]:
    (document,) = read_yaml(FILE)
    return document


def _commands(config: dict[str, Any]) -> list[list[str]]:
    lists = ("setup_commands", "head_start_ray_commands", "worker_start_ray_commands")
    lines = [line for name in lists for line in config[name]]
    return [words for line in lines for words in shell_commands(line)]


def test_ray_s_own_schema_takes_it(config: dict[str, Any]) -> None:
    prepared = prepare_config(copy.deepcopy(config))
    validate_config(prepared)
    (node_type,) = prepared["available_node_types"].values()
    assert node_type["min_workers"] == len(config["provider"]["worker_ips"])


def test_a_field_that_is_none_is_refused(config: dict[str, Any]) -> None:
    config["idle_timeout"] = 5
    with pytest.raises(Exception, match="idle_timeout"):
        validate_config(prepare_config(config))


def test_every_command_would_be_read(config: dict[str, Any]) -> None:
    commands = _commands(config)
    assert sum(words[0].endswith("ray") for words in commands) == 4
    for words in commands:
        ours = words[0].startswith(VENV) or words[0] == "ray"
        assert ours or words[0] in OF_THE_MACHINE, words
        check_command(words)


def test_what_is_sent_is_there_and_what_is_installed_was_sent(config: dict[str, Any]) -> None:
    mounts = config["file_mounts"]
    for remote, local in mounts.items():
        assert local.startswith("~") or (ROOT / local).is_file()
        assert remote.startswith("~/")
    (pip,) = [words for words in _commands(config) if words[0] == f"{VENV}pip"]
    assert pip[-1] in mounts
    assert {"--no-deps", "--require-hashes", "--only-binary=:all:"} <= set(pip)


def test_every_node_asks_for_the_token_that_was_sent(config: dict[str, Any]) -> None:
    assert config["file_mounts"]["~/.ray/auth_token"] == "~/.ray/auth_token"
    assert "chmod 600 ~/.ray/auth_token" in config["setup_commands"]
    for name in ("head_start_ray_commands", "worker_start_ray_commands"):
        (start,) = [line for line in config[name] if "ray start" in line]
        for setting in ("RAY_AUTH_MODE=token", "FSP_STAGING=/staging", f"PATH=$HOME/{VENV[2:-1]}"):
            assert setting in start


def test_the_dashboard_is_not_open_to_the_network(config: dict[str, Any]) -> None:
    (start,) = [line for line in config["head_start_ray_commands"] if "--head" in line]
    assert "--dashboard-host=127.0.0.1" in start


def test_it_holds_no_secret() -> None:
    text = Path(FILE).read_text("utf-8")
    for word in ("AWS_SECRET", "AWS_ACCESS", "RAY_AUTH_TOKEN=", "ssh_private_key"):
        assert word not in text
