"""Files that processes of many hosts and containers write in one folder: none spoils or deletes what another writes."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stagewise.files import leftovers, writers
from stagewise.files.leftovers import remove_leftovers
from stagewise.files.locks import owned
from stagewise.messages.errors import BusyError

WRITER = """
import collections, json, os, sys, time
from pathlib import Path
import numpy as np
from stagewise.files.leftovers import remove_leftovers
from stagewise.volumes.pklz import load_volume, save_volume

folder, own, other, times = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
volume = np.random.default_rng(0).integers(0, 255, (30, 40, 40, 3), np.uint8)
(folder / own).touch()
while not (folder / other).exists():
    time.sleep(0.001)
came = collections.Counter()
for _ in range(times):
    try:
        save_volume(folder / "100000.mp4.pklz", volume, durable=False)
        load_volume(folder / "100000.mp4.pklz")
        remove_leftovers(folder)
        came["well"] += 1
    except Exception as error:
        came[repr(error)] += 1
print(json.dumps({"process": os.getpid(), "came": came}))
"""


def in_a_container(*command: str) -> list[str]:
    """The command in a namespace of process numbers of its own, as a container has one; skips where that is refused."""
    words = ["unshare", "--pid", "--fork", "--kill-child"]
    try:
        refused = subprocess.run([*words, "true"], capture_output=True, text=True).stderr
    except FileNotFoundError:
        refused = "there is no unshare"
    if refused:
        pytest.skip(f"makes namespaces of process numbers, which is refused here: {refused.strip()}")
    return [*words, *command]


def test_two_processes_of_one_number_in_two_containers_do_not_spoil_each_others_files(tmp_path):
    names, times = ("first", "second"), 60
    writing = [
        subprocess.Popen(
            in_a_container(sys.executable, "-c", WRITER, str(tmp_path), own, other, str(times)), stdout=subprocess.PIPE
        )
        for own, other in zip(names, reversed(names), strict=True)
    ]
    told = [json.loads(process.communicate(timeout=60)[0]) for process in writing]
    assert told == [{"process": 1, "came": {"well": times}}] * 2
    assert {path.name for path in tmp_path.iterdir()} == {*names, "100000.mp4.pklz"}


def test_a_container_of_this_host_is_another_place_and_a_fork_is_not():
    told = "from stagewise.files.writers import place\nimport os, sys\n"
    told += "os.fork() and sys.exit(os.wait()[1])\nprint(place())"
    command = [sys.executable, "-c", told]
    here, there = (
        subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout.strip()
        for words in (command, in_a_container(*command))
    )
    assert here == writers.place() != there


@pytest.mark.parametrize("fact", ["node", "BOOT", "NUMBERS"])
def test_the_place_is_another_one_by_the_hosts_name_its_start_or_its_namespace(monkeypatch, tmp_path, fact):
    before = writers.place()
    if fact == "node":
        monkeypatch.setattr(writers.platform, "node", lambda: "another")
    else:
        monkeypatch.setattr(writers, fact, tmp_path / "none")  # as where there is no such file
    assert re.fullmatch("[0-9a-f]{8}", writers.place()) and writers.place() != before


@pytest.mark.parametrize("name", ["100000.mp4.pklz", "a-b.csv", "ä" * 100 + ".mp4.pklz"])
def test_a_temporary_name_is_short_enough_and_no_two_are_equal(name):
    drawn = [writers.temporary(Path("folder", name)) for _ in range(100)]
    assert len({*drawn}) == 100 and max(len(path.name.encode()) for path in drawn) <= 255
    assert all(path.name.endswith(f"-{name}") and writers.is_temporary(path.name) for path in drawn)


RUNNING, GONE = 1, 999_999_999
PLACE, ELSEWHERE = writers.place(), "fedcba98"


@pytest.mark.parametrize(
    ("begin", "hours", "stays"),
    [
        (f"{PLACE}-{GONE}-00000000", 0, False),
        (f"{PLACE}-OWN-00000000", 0, False),  # of a container before this one that had its number, too
        (f"{PLACE}-{RUNNING}-00000000", 0, True),
        (f"{PLACE}-{RUNNING}-00000000", 99, True),
        (f"{ELSEWHERE}-{GONE}-00000000", 0, True),
        (f"{ELSEWHERE}-{GONE}-00000000", 23, True),
        (f"{ELSEWHERE}-{GONE}-00000000", 25, False),
        (f"{ELSEWHERE}-{RUNNING}-00000000", 25, False),
        (f"{GONE}", 23, True),  # as earlier versions wrote them
        (f"{GONE}", 25, False),
        ("made", 25, False),
        (f"{ELSEWHERE}-OWN-0000000", 25, True),  # and these are of other programs
        ("mine", 25, True),
        ("99999999999999999999", 25, True),
        ("²", 25, True),
    ],
)
def test_leftovers_go_where_their_process_is_gone_and_those_of_other_hosts_after_a_day(tmp_path, begin, hours, stays):
    left = tmp_path / f".tmp-{begin.replace('OWN', str(os.getpid()))}-a.csv"
    left.touch()
    os.utime(left, (time.time() - hours * 3600,) * 2)
    remove_leftovers(tmp_path)
    assert left.exists() == stays


def test_what_other_programs_name_alike_stays(tmp_path):
    others = {tmp_path / name for name in (".tmp-mine.txt", ".tmp-999999999", f".tmp-{PLACE}-{GONE}-00000000")}
    for path in others:
        path.touch()
    folders = {tmp_path / name for name in (".tmp-folder", f".tmp-{PLACE}-{GONE}-00000000-folder")}
    for path in folders:
        path.mkdir()
    remove_leftovers(tmp_path)
    assert {*tmp_path.iterdir()} == others | folders


def test_a_leftover_that_another_process_removes_meanwhile_is_no_error(tmp_path, monkeypatch):
    for name in "ab":
        (tmp_path / f".tmp-{PLACE}-{GONE}-00000000-{name}").touch()
    ask = leftovers.is_running_here
    monkeypatch.setattr(leftovers, "is_running_here", lambda name: (tmp_path / name).unlink() or ask(name))
    remove_leftovers(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("place", "process", "told"),
    [
        (PLACE, GONE, "which was killed"),
        (PLACE, RUNNING, "which has the lock no more"),
        (ELSEWHERE, GONE, "which has the lock no more; should it still run there, end one of the two"),
        ("", GONE, "which has the lock no more; should it still run there, end one of the two"),
    ],
)
def test_a_lock_that_is_taken_over_says_killed_only_of_a_process_of_this_place(tmp_path, capsys, place, process, told):
    (tmp_path / "lock").write_text(f"process {process} on vm\n{place}")
    with owned(tmp_path / "lock", "the fold"):
        assert capsys.readouterr().out == f"the fold: taken over from process {process} on vm, {told}\n"
        busy = pytest.raises(BusyError, match=rf"the fold is in use by process {os.getpid()} on \S+ \(")
        with busy, owned(tmp_path / "lock", "the fold"):
            pass
    with owned(tmp_path / "lock", "the fold"):
        assert not capsys.readouterr().out
