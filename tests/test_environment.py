"""The numbered scripts where little is given: no home, no terminal, few open files, read-only or full disks."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from house import RANDOM, SMALLEST, STAGES, House

R01, R02, R03 = (f"preproc_data/{name}.py" for name in ("r01_extract_roi", "r02_verify_data", "r03_gen_kfold_split"))
SPLIT = ("--folds", "2", "--seed", "1")  # both classes in both folds of eight videos
TENSORFLOW_LOADING = ("absl::", "port.cc", "cudart_stub.cc")  # in the lines that it always prints
BARE = """
import ctypes, os, resource, sys
for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH: without them, rights of files bind root, too
    ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
FULL_DISK = """
mount -t tmpfs -o size=64k none /dev/shm
mount -t tmpfs -o size=600k none "$STAGEWISE_ROOT/modified_data"
"$@" && exit 9
ls -A "$STAGEWISE_ROOT"/modified_data/roi_parts/*/ | grep tmp- && exit 8
mount -o remount,size=100m "$STAGEWISE_ROOT/modified_data"
"$@" && cp "$STAGEWISE_ROOT/modified_data/roi_parts/train.csv" "$STAGEWISE_ROOT"
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A small phantom, its volumes and its split, made in an ordinary environment."""
    house = House(tmp_path_factory.mktemp("house"), {"d121": SMALLEST["d121"]})
    sizes = ("--train", "8", "--test", "2", "--stalled-share", "0.5")
    house.run("preproc_data/r00_make_phantom.py", *sizes, "--workers", "0")
    house.run(R01, "--workers", "0")
    house.run(R03, *SPLIT)
    return house


@pytest.fixture
def bare(house, tmp_path):
    """Runs a script on a root of its own, whose input and home are read-only, from another current directory."""
    root, home, elsewhere = tmp_path / "root", tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir(mode=0o555)
    elsewhere.mkdir()
    root.mkdir()
    shutil.copytree(house.root / "input", root / "input")
    for path in (*(root / "input").rglob("*"), root / "input"):
        path.chmod(path.stat().st_mode & ~0o222)

    def run(script, *arguments):
        return subprocess.run(
            [sys.executable, "-c", BARE, str(house.code / script), *arguments],
            cwd=elsewhere,
            env={"LC_ALL": "C", "HOME": str(home), "STAGEWISE_ROOT": str(root), "PYTHONPATH": str(house.code)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            start_new_session=True,  # no terminal
        )

    run.root, run.elsewhere = root, elsewhere
    yield run
    for path in (root / "input").rglob("*/"):  # so that pytest can remove it
        path.chmod(0o755)


def test_little_is_enough_for_the_whole_preparation_and_a_training(house, bare):
    made = [bare(R01, "--workers", "2"), bare(R03, *SPLIT), bare(R02, "--workers", "2")]
    for done in made:
        assert done.returncode == 0
        lines = done.stderr.splitlines()
        assert all(re.fullmatch(r"(extracting|checking) .* in \d\d:\d\d, .*(/s| s each)", line) for line in lines)
    assert "no problems" in made[2].stdout
    for name in ("roi_parts/train.csv", "roi_parts/test.csv", "kfold_split_2_1.csv"):
        assert (bare.root / "modified_data" / name).read_bytes() == (house.root / "modified_data" / name).read_bytes()
    split = str(bare.root / "modified_data" / "kfold_split_2_1.csv")
    done = bare(f"{STAGES[0]}/r31_train.py", "--preset", "demo", *RANDOM, "--fold", "0", "--split", split)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if not any(word in line for word in TENSORFLOW_LOADING)] == []
    folder = bare.root / "models" / STAGES[0] / "fold_0"
    assert (folder / "best.weights.h5").exists() and (folder / "curves.png").exists()
    assert not list(bare.elsewhere.iterdir())


def test_an_output_that_is_read_only_is_one_message_and_code_1(bare):
    bare.root.chmod(0o555)
    done = bare(R01)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1 and "modified_data" in done.stderr and "ermission denied" in done.stderr
    bare.root.chmod(0o755)


def test_a_folder_of_videos_that_cannot_be_read_is_not_taken_for_an_empty_one(house, bare):
    shutil.copytree(house.root / "modified_data", bare.root / "modified_data")
    (bare.root / "input" / "train").chmod(0)
    done = bare(R02)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "input/train" in done.stderr and "ermission denied" in done.stderr


def test_a_full_disk_and_a_small_dev_shm_end_with_code_1_and_the_same_command_goes_on(house, tmp_path):
    if (
        shutil.which("unshare") is None
        or subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode
    ):
        pytest.skip("a small file system cannot be mounted here; it takes root and unshare")
    shutil.copytree(house.root / "input", tmp_path / "input")
    (tmp_path / "modified_data").mkdir()
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", FULL_DISK, "sh", sys.executable, str(house.code / R01), "--workers", "2"],
        env={**os.environ, "PYTHONPATH": str(house.code), "STAGEWISE_ROOT": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("No space left on device") == 1 and "Traceback" not in done.stderr
    made_undisturbed = house.root / "modified_data" / "roi_parts" / "train.csv"
    assert (tmp_path / "train.csv").read_bytes() == made_undisturbed.read_bytes()


def test_closed_standard_streams_change_nothing(house):
    index = house.root / "modified_data" / "roi_parts" / "train.csv"
    before = index.read_bytes()
    command = f'"{sys.executable}" {R01} <&- >&- 2>&-'
    environment = {**os.environ, "PYTHONPATH": str(house.code), "STAGEWISE_ROOT": str(house.root)}
    assert subprocess.run(command, shell=True, cwd=house.code, env=environment, timeout=300).returncode == 0
    assert index.read_bytes() == before


def test_an_output_to_a_full_device_is_one_message_and_code_1(house):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, R03, *SPLIT, "--dry-run", "--force"],
            cwd=house.code,
            env={**os.environ, "PYTHONPATH": str(house.code), "STAGEWISE_ROOT": str(house.root)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=300,
        )
    assert done.returncode == 1 and "No space left on device" in done.stderr and "Traceback" not in done.stderr
