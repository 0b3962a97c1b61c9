"""One run at a time: by files that only one can create, and by the store's clock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fsp_ray.core.errors import BusyError, LakeError
from fsp_ray.lake.exclusive import create, read_aged
from fsp_ray.lake.lease import leased
from fsp_ray.lake.staging import staging
from fsp_ray.lake.storage import Storage

HOUR_S = 3600


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage.of(str(tmp_path))


def files(storage: Storage) -> list[Path]:
    return sorted(storage.local("_lease").glob("*.json"))


def aged(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def left_behind(storage: Storage, *, ttl_s: float = 60, released: bool = False) -> Path:
    terms = {"holder": "dead", "ttl_s": ttl_s, "renewals": 3, "released": released}
    assert create(storage, "_lease/00000004.json", json.dumps(terms).encode())
    return storage.local("_lease/00000004.json")


def test_a_second_run_leaves_and_the_next_comes_in_at_once(storage: Storage) -> None:
    with leased(storage, "one", wait_s=0) as lease:
        lease.check()
        with pytest.raises(BusyError, match="one"), leased(storage, "two", wait_s=0):
            pass
    with leased(storage, "two", wait_s=0) as lease:
        lease.check()
    assert [json.loads(path.read_text())["released"] for path in files(storage)] == [True]


def test_a_second_run_waits_and_says_for_whom(storage: Storage) -> None:
    told: list[str] = []
    entered = threading.Event()

    def wait_for_it() -> None:
        with leased(storage, "two", wait_s=60, waiting=told.append):
            entered.set()

    with leased(storage, "one", wait_s=0):
        second = threading.Thread(target=wait_for_it)
        second.start()
        assert not entered.wait(1.0)
    second.join(20)
    assert entered.is_set()
    assert told == ["one"]


def test_of_many_at_once_one_works_at_a_time(storage: Storage) -> None:
    at_work: list[str] = []
    most: list[int] = []

    def run(number: int) -> None:
        with leased(storage, f"r{number}", wait_s=100):
            at_work.append(f"r{number}")
            most.append(len(at_work))
            time.sleep(0.02)
            at_work.remove(f"r{number}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(run, range(8)))
    assert most == [1] * 8
    assert [path.name for path in files(storage)] == ["00000008.json"]


def test_a_lease_lasts_as_long_as_it_says(storage: Storage) -> None:
    path = left_behind(storage, ttl_s=60)
    aged(path, 40)
    with pytest.raises(BusyError, match="dead"), leased(storage, "next", wait_s=0):
        pass
    aged(path, 61)
    with leased(storage, "next", wait_s=0) as lease:
        lease.check()
    assert [path.name for path in files(storage)] == ["00000005.json"]


def test_a_released_lease_is_free_however_young(storage: Storage) -> None:
    left_behind(storage, released=True)
    with leased(storage, "next", wait_s=0):
        pass


def test_who_was_taken_over_must_not_write_any_more(storage: Storage) -> None:
    with leased(storage, "slept", wait_s=0, ttl_s=60) as slept:
        aged(files(storage)[0], 61)  # as if it had been stopped for a minute
        with leased(storage, "next", wait_s=0) as lease:
            slept.renew()
            with pytest.raises(LakeError, match="slept has lost its lease"):
                slept.check()
            lease.check()
        assert json.loads(files(storage)[-1].read_text())["holder"] == "next"


def test_a_store_out_of_reach_costs_the_lease_in_time(storage: Storage) -> None:
    with leased(storage, "one", wait_s=0, ttl_s=0.6) as lease:
        lease.check()
        folder = storage.local("_lease")
        folder.rename(folder.with_name("away"))
        folder.write_text("not a folder any more")
        lease.check()
        time.sleep(0.7)
        with pytest.raises(LakeError, match="could not be renewed"):
            lease.check()
        folder.unlink()
        folder.with_name("away").rename(folder)


def test_it_is_renewed_while_it_is_held(storage: Storage) -> None:
    with leased(storage, "one", wait_s=0, ttl_s=0.6) as lease:
        time.sleep(1.5)
        lease.check()
        with pytest.raises(BusyError), leased(storage, "two", wait_s=0):
            pass


HOLD = """
import sys
from fsp_ray.lake.lease import leased
from fsp_ray.lake.staging import staging
from fsp_ray.lake.storage import Storage
storage = Storage.of(sys.argv[1])
with leased(storage, "killed", wait_s=0), staging(storage, "killed"):
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_a_killed_run_of_this_machine_is_not_waited_for(storage: Storage) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, storage.root], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    with pytest.raises(BusyError, match="killed"), leased(storage, "next", wait_s=0):
        pass
    child.kill()
    child.wait()
    with leased(storage, "next", wait_s=0), staging(storage, "next"):
        pass


def test_a_run_of_another_machine_is_given_its_time(storage: Storage) -> None:
    left_behind(storage, ttl_s=60)
    lock = storage.local("_staging/dead.lock")
    lock.parent.mkdir()
    lock.write_text("another-machine")
    with pytest.raises(BusyError), leased(storage, "next", wait_s=0):
        pass


def test_a_damaged_lease_lasts_its_time(storage: Storage) -> None:
    assert create(storage, "_lease/00000001.json", b"[")
    with pytest.raises(BusyError), leased(storage, "next", wait_s=0):
        pass
    aged(files(storage)[0], HOUR_S)
    with leased(storage, "next", wait_s=0):
        pass


def test_only_one_can_create_a_file_and_it_is_there_whole(storage: Storage) -> None:
    texts = [f"{number}".encode() * 1000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda text: create(storage, "x/y", text), texts))
    assert made.count(True) == 1
    found = read_aged(storage, "x/y")
    assert found is not None
    assert found.data == texts[made.index(True)]
    assert read_aged(storage, "x/z") is None
