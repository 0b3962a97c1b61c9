"""S3 fails for a while, and for good: what is lost is time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from fsp_ray.core.config import RunSettings, VideoLimits
from fsp_ray.core.errors import FailureReason, FspError, VideoError
from fsp_ray.lake import BucketMedia, Lake
from fsp_ray.lake.patience import PATIENCE_VARIABLE
from fsp_ray.lake.storage import Storage
from fsp_ray.raydata import RunRequest, anonymize
from fsp_ray.video import decode, probe
from tests.fakes.faulty_proxy import FaultyProxy, Kind, faulty_proxy
from tests.fakes.local_ray import without_ray
from tests.fakes.media import Clip, write_clip
from tests.fakes.s3_servers import seaweedfs
from tests.faults.invariants import check_done, check_whole
from tests.faults.runs import QUICK, command, finished, run, started, write_archive
from tests.unit.lake.conftest import person_row, video_row  # noqa: F401 - fixtures

pytestmark = [pytest.mark.ray, pytest.mark.timeout(580)]
short = pytest.mark.faults
long = pytest.mark.faults_long

Make = Callable[..., dict[str, object]]

QUICK_KINDS = [
    pytest.param(Kind.SLOW_DOWN, marks=short),
    pytest.param(Kind.CUT, marks=short),
    pytest.param(Kind.LOST, marks=short),
    pytest.param(Kind.INTERNAL_ERROR, marks=long),
    pytest.param(Kind.RESET, marks=long),
]
SOURCE = "s3://archive/videos"
# A run whose server went for good is over within it: 20 s on an idle machine.
BOUND_S = 180


@dataclass(frozen=True)
class Ground:
    """A SeaweedFS behind the proxy, with an archive in it."""

    proxy: FaultyProxy
    folder: Path
    frames: dict[str, int]


@pytest.fixture(scope="module")
def module_ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    folder = tmp_path_factory.mktemp("ground")
    frames = write_archive(folder / "source")
    with ExitStack() as stack:
        server = stack.enter_context(seaweedfs())
        proxy = stack.enter_context(faulty_proxy(server))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        proxy.server.use(patch)
        patch.setenv("FSP_STAGING", str(folder / "staging"))
        for name in ("lakes", "archive"):
            server.make_bucket(name)
        server.upload(folder / "source", SOURCE)
        yield Ground(proxy, folder, frames)


@pytest.fixture
def ground(module_ground: Ground) -> Iterator[Ground]:
    yield module_ground
    module_ground.proxy.heal()
    module_ground.proxy.forget()


@pytest.fixture
def proxy(ground: Ground) -> FaultyProxy:
    return ground.proxy


@pytest.fixture
def lake_uri(request: pytest.FixtureRequest) -> str:
    return f"s3://lakes/{abs(hash(request.node.name)):x}"


def _assert_no_secret(proxy: FaultyProxy, text: str) -> None:
    assert proxy.server.secret_key not in text
    assert proxy.server.access_key not in text


@pytest.mark.parametrize("kind", QUICK_KINDS)
def test_a_run_survives_a_server_that_fails_again_and_again(
    kind: Kind, ground: Ground, lake_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each third request of a run: of those that list, read, upload, of leases and of tables.

    An answer that breaks off makes deltalake give a whole step up, of some ten requests, which is
    then done again: with each third, it would never come through.
    """
    every = 11 if kind is Kind.CUT else 3
    without_ray(monkeypatch)
    request = RunRequest(SOURCE, lake_uri, RunSettings(replace="cover", preset="ultrafast"))
    ground.proxy.fail(kind, every=every)
    summary = anonymize(request, lambda _: None)
    assert summary.videos["published"] == len(ground.frames)
    assert ground.proxy.struck() > 90 // every
    ground.proxy.heal()
    check_done(lake_uri, ground.frames)
    before = ground.proxy.server.objects(f"{lake_uri}/videos")
    assert anonymize(request, lambda _: None).videos["unchanged"] == len(ground.frames)
    assert ground.proxy.server.objects(f"{lake_uri}/videos") == before


@long
@pytest.mark.parametrize("match", ["GET /archive/", "PUT .*/videos/_delta_log", "PUT .*mp4$"])
def test_a_run_survives_an_answer_that_never_comes(
    match: str, ground: Ground, lake_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_ray(monkeypatch)
    ground.proxy.fail(Kind.HANG, count=1, match=match)
    request = RunRequest(SOURCE, lake_uri, RunSettings(replace="cover", preset="ultrafast"))
    assert anonymize(request, lambda _: None).videos["published"] == len(ground.frames)
    assert ground.proxy.struck() == 1
    check_done(lake_uri, ground.frames)


@short
def test_a_run_survives_a_server_that_is_out_for_a_while(ground: Ground, lake_uri: str) -> None:
    """The real thing, with Ray: nothing is answered for 20 seconds in mid-run."""
    with started(command("refresh", SOURCE, lake_uri, *QUICK)) as job:
        _wait_for(ground.proxy, "GET", "/archive/", job)
        ground.proxy.fail(Kind.RESET, seconds=20)
        code, summary, said = finished(job)
    assert code == 0, said
    assert summary["videos"]["published"] == len(ground.frames)
    assert ground.proxy.struck() > 5
    check_done(lake_uri, ground.frames)


@pytest.mark.parametrize(
    "kind",
    [pytest.param(Kind.RESET, marks=long), pytest.param(Kind.SLOW_DOWN, marks=long)],
)
def test_a_lake_that_is_gone_for_good_ends_the_run(
    kind: Kind, ground: Ground, lake_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PATIENCE_VARIABLE, "5")
    with started(command("refresh", SOURCE, lake_uri, *QUICK)) as job:
        _wait_for(ground.proxy, "GET", "/archive/", job)
        ground.proxy.fail(kind, match=" /lakes")
        began = time.monotonic()
        code, _, said = finished(job)
        assert time.monotonic() - began < BOUND_S
    assert code == 1, said
    assert lake_uri in said, said
    assert "run again when the server answers" in said
    _assert_no_secret(ground.proxy, said)
    ground.proxy.heal()
    check_whole(lake_uri, ground.frames)
    code, _, said = run("refresh", SOURCE, lake_uri, *QUICK)
    assert code == 0, said
    check_done(lake_uri, ground.frames)


@short
def test_a_source_that_is_gone_for_good_ends_the_run(
    ground: Ground, lake_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PATIENCE_VARIABLE, "5")
    with started(command("refresh", SOURCE, lake_uri, *QUICK)) as job:
        _wait_for(ground.proxy, "GET", "/archive/", job)
        ground.proxy.fail(Kind.RESET, match=" /archive")
        began = time.monotonic()
        code, _, said = finished(job)
        assert time.monotonic() - began < BOUND_S
    assert code == 1, said
    assert SOURCE in said, said
    assert "run again when the server answers" in said
    _assert_no_secret(ground.proxy, said)
    ground.proxy.heal()
    code, _, said = run("refresh", SOURCE, lake_uri, *QUICK)
    assert code == 0, said
    check_done(lake_uri, ground.frames)


def _wait_for(
    proxy: FaultyProxy, method: str, target: str, job: subprocess.Popen[str], seconds: float = 120
) -> None:
    """Wait until a request of that kind was seen."""
    deadline = time.monotonic() + seconds
    while not any(r.method == method and r.target.startswith(target) for r in proxy.requests()):
        assert job.poll() is None, job.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("kind", [*QUICK_KINDS, pytest.param(Kind.DELAY, marks=long)])
def test_files_and_tables_ride_out_seconds_of_failure(
    kind: Kind, proxy: FaultyProxy, lake_uri: str, tmp_path: Path
) -> None:
    storage = Storage.of(lake_uri)
    local = tmp_path / "big"
    local.write_bytes(os.urandom(17 << 20))
    doings: dict[str, Callable[[], object]] = {
        "write": lambda: storage.write_bytes("small", b"small"),
        "put": lambda: storage.put(local, "big"),
        "read": lambda: storage.read_bytes("small"),
        "list": storage.names,
        "tables": lambda: Lake.create(f"{lake_uri}/lake"),
        "query": lambda: Lake.open(f"{lake_uri}/lake").query("FROM videos"),
    }
    for name, do in doings.items():
        proxy.fail(kind, seconds=1, delay_s=1)
        struck = proxy.struck()
        do()
        assert proxy.struck() > struck, name
    proxy.heal()
    assert storage.read_bytes("small") == b"small"
    assert storage.read_bytes("big") == local.read_bytes()
    assert Lake.open(f"{lake_uri}/lake").query("FROM videos").num_rows == 0
    # Of an upload that was begun, and the answer to that lost, nobody knows; maintenance does.
    assert (storage.abort_uploads(older_than=timedelta(0)) > 0) == (kind in (Kind.CUT, Kind.LOST))


@pytest.mark.parametrize("kind", QUICK_KINDS)
def test_a_video_decodes_through_seconds_of_failure(
    kind: Kind, proxy: FaultyProxy, lake_uri: str, tmp_path: Path
) -> None:
    path = write_clip(tmp_path / "clip.mp4", Clip(options={"crf": "0"}, width=320, height=240))
    Storage.of(lake_uri).put(path, "clip.mp4")
    media = BucketMedia(f"{lake_uri}/clip.mp4", f"{lake_uri}/clip.mp4")
    proxy.fail(kind, every=2)
    info = probe(media, video_id="v", limits=VideoLimits())
    assert sum(len(batch.pts) for batch in decode(media, info)) == 48
    assert proxy.struck() > 3


@short
@pytest.mark.parametrize("kind", [Kind.SLOW_DOWN, Kind.RESET, Kind.LOST])
def test_a_server_gone_for_good_is_waited_for_once_and_found_again(
    kind: Kind, proxy: FaultyProxy, lake_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PATIENCE_VARIABLE, "3")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", f"{len(kind)}")  # a connection of this test's own
    storage = Storage.of(lake_uri)
    storage.write_bytes("x", b"x")
    media = BucketMedia(storage.uri("x"), storage.uri("x"))
    proxy.fail(kind)
    took: list[float] = []
    for do in (lambda: storage.read_bytes("x"), storage.names, media.open, storage.check_reachable):
        began = time.monotonic()
        with pytest.raises(FspError, match="run again when the server answers") as caught:
            do()
        took.append(time.monotonic() - began)
        assert lake_uri in str(caught.value)
        if isinstance(caught.value, VideoError):
            assert caught.value.reason is FailureReason.UNREADABLE
    assert 1 < took[0] < 10
    assert max(took[1:]) < 1
    proxy.heal()
    assert storage.read_bytes("x") == b"x"


@short
@pytest.mark.parametrize("table", ["persons", "videos"])
@pytest.mark.parametrize("times", [1, 2])
def test_a_commit_whose_answer_is_lost_loses_no_row(
    table: str,
    times: int,
    proxy: FaultyProxy,
    lake_uri: str,
    video_row: Make,  # noqa: F811
    person_row: Make,  # noqa: F811
) -> None:
    """deltalake asks again, is told that somebody else has committed, and that was itself."""
    lake = Lake.create(lake_uri)
    for run_id in ("r1", "r2"):
        proxy.fail(Kind.LOST, count=times, match=f"PUT .*/{table}/_delta_log/")
        lake.commit(videos=[video_row("a.mp4", run_id)], persons=[person_row("a.mp4", 0, run_id)])
    assert proxy.struck() == 2 * times
    seen = lake.query("SELECT run_id FROM videos JOIN persons USING (video_id, run_id)")
    assert seen.to_pylist() == [{"run_id": "r2"}]


PUBLISH = """
import sys
from pathlib import Path
from fsp_ray.lake import Lake
Lake.open(sys.argv[1]).publish(Path(sys.argv[2]), "clip.mp4")
"""


@short
def test_a_process_killed_while_uploading_leaves_the_old_version(
    proxy: FaultyProxy, lake_uri: str, tmp_path: Path
) -> None:
    lake = Lake.create(lake_uri)
    local = tmp_path / "clip.mp4"
    local.write_bytes(b"old")
    lake.publish(local, "clip.mp4")
    local.write_bytes(os.urandom(20 << 20))
    proxy.fail(Kind.HANG, match="PUT .*partNumber=2")
    with subprocess.Popen([sys.executable, "-c", PUBLISH, lake_uri, str(local)]) as process:
        deadline = time.monotonic() + 60
        while proxy.struck() == 0:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    proxy.heal()
    assert lake.storage.read_bytes("videos/clip.mp4") == b"old"
    assert lake.storage.abort_uploads() == 0  # it might be somebody's who is alive
    assert lake.storage.abort_uploads(older_than=timedelta(0)) == 1
    lake.publish(local, "clip.mp4")
    assert lake.storage.read_bytes("videos/clip.mp4") == local.read_bytes()
