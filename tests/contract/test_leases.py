"""A lease means the same in a folder and in buckets: one run at a time, by the store's clock."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from fsp_ray.core.errors import BusyError, LakeError
from fsp_ray.lake.lease import leased
from fsp_ray.lake.storage import Storage
from tests.fakes.s3_servers import SERVERS

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module", params=["folder", *SERVERS])
def root(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("FSP_STAGING", str(tmp_path_factory.mktemp("staging")))
        if request.param == "folder":
            yield str(tmp_path_factory.mktemp("root"))
            return
        server = stack.enter_context(SERVERS[request.param]())
        server.use(patch)
        yield server.make_bucket("leases")


def test_a_second_run_leaves_and_comes_in_when_the_first_is_over(root: str) -> None:
    storage = Storage.of(f"{root}/busy")
    with leased(storage, "one", wait_s=0) as lease:
        lease.renew()
        lease.check()
        with pytest.raises(BusyError, match="one"), leased(storage, "two", wait_s=0):
            pass
    with leased(storage, "two", wait_s=0) as lease:
        lease.check()


def test_of_many_at_once_one_works_at_a_time(root: str) -> None:
    storage = Storage.of(f"{root}/race")
    at_work: list[int] = []
    most: list[int] = []

    def run(number: int) -> None:
        with leased(storage, f"r{number}", wait_s=100):
            at_work.append(number)
            most.append(len(at_work))
            time.sleep(0.05)
            at_work.remove(number)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(4)))
    assert most == [1] * 4


def test_who_sleeps_too_long_is_taken_over_and_told(root: str) -> None:
    """A bucket dates by the second: a lease of two seconds is over after four at most."""
    storage = Storage.of(f"{root}/expired")
    with leased(storage, "asleep", wait_s=0, ttl_s=2) as asleep:
        asleep.stop()  # renews no more
        with leased(storage, "next", wait_s=30, ttl_s=60) as lease:
            lease.check()
            with pytest.raises(LakeError, match="asleep has lost its lease"):
                asleep.check()
