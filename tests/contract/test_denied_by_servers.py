"""What is denied, missing or out of reach says so: on moto and on SeaweedFS."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fsp_ray.core.errors import FspError, LakeError, SourceError
from fsp_ray.lake import BucketMedia, Lake, list_source
from fsp_ray.lake.patience import PATIENCE_VARIABLE
from tests.fakes.s3_servers import SERVERS, S3Server

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.parametrize("place", [*SERVERS], indirect=True, scope="module"),
]

DOINGS: dict[str, Callable[[Lake], object]] = {
    "exists": lambda lake: Lake.exists(lake.uri),
    "names": lambda lake: lake.storage.names("videos"),
    "read": lambda lake: lake.storage.read_bytes("_fsp_lake.json"),
    "write": lambda lake: lake.storage.write_bytes("x", b"x"),
    "put": lambda lake: lake.storage.put(Path(__file__), "x"),
    "remove": lambda lake: lake.storage.remove("x"),
    "ledger": Lake.ledger,
    "query": lambda lake: lake.query("FROM videos"),
    "maintain": Lake.maintain,
    "create": lambda lake: Lake.create(lake.uri),
    "source": lambda lake: list_source(lake.uri),
    "media": lambda lake: BucketMedia(lake.storage.uri("x"), lake.storage.uri("x")).open(),
    "reach": lambda lake: lake.storage.check_reachable(),
}


def _all_texts(error: BaseException | None) -> str:
    """Return what a traceback would show of an error, and more."""
    texts: list[str] = []
    while error is not None:
        texts.append(f"{error} {error!r} {getattr(error, 'advice', '')}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join(texts)


@pytest.mark.parametrize("wrong", ["access_key", "secret_key"])
def test_denied_is_not_missing_and_no_key_is_told(
    server: S3Server, lake: Lake, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    lie = {"access_key": "AKIAWRONGWRONGWRONG0", "secret_key": "wrong/secret+wrong/secret+wrong/0"}
    keys = replace(server, **{wrong: lie[wrong]})
    keys.use(monkeypatch)
    for name, do in DOINGS.items():
        with pytest.raises(FspError) as caught:
            do(lake)
        text = _all_texts(caught.value)
        assert "AWS_ACCESS_KEY_ID" in text or "Grant" in text, f"{name}: {text}"
        assert lake.uri in text or "table" in text, f"{name}: {text}"
        for secret in (keys.access_key, keys.secret_key, server.access_key, server.secret_key):
            assert secret not in text, name


def test_no_keys_at_all(server: S3Server, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(LakeError, match="no keys"):
        lake.storage.exists("x")
    with pytest.raises(LakeError, match="no keys"):
        lake.ledger()


def test_keys_and_endpoint_of_a_profile(
    server: S3Server, lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in server.environ():
        monkeypatch.delenv(name, raising=False)
    config = tmp_path / "config"
    config.write_text(
        f"[profile archive]\nregion = us-east-1\nendpoint_url = {server.endpoint}\n"
        f"aws_access_key_id = {server.access_key}\naws_secret_access_key = {server.secret_key}\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_PROFILE", "archive")
    assert Lake.exists(lake.uri)
    assert len(lake.ledger()) == 0


def test_no_such_bucket(server: S3Server) -> None:
    with pytest.raises(LakeError, match="no bucket nowhere"):
        Lake.exists("s3://nowhere/lake")
    with pytest.raises(LakeError, match="no bucket nowhere"):
        Lake.create("s3://nowhere/lake")
    with pytest.raises(SourceError, match="no bucket nowhere"):
        list_source("s3://nowhere/archive")


def test_a_server_out_of_reach_is_waited_for_once(
    server: S3Server, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PATIENCE_VARIABLE, "2")
    server.behind("http://127.0.0.1:9").use(monkeypatch)
    began = time.monotonic()
    for name, do in DOINGS.items():
        with pytest.raises(FspError) as caught:
            do(lake)
        text = str(caught.value)
        assert "AWS_ENDPOINT_URL" in text, f"{name}: {text}"
        assert lake.uri in text or "table" in text, f"{name}: {text}"
    assert time.monotonic() - began < 3 * 2.0 + 4  # not once for each
