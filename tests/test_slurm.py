"""The job scripts under SLURM's own daemons: shards gathered, an element requeued, folds in chains of stages.

apt-get install slurm-wlm munge          and root; else these tests are skipped, saying so
"""

import re
import shutil
import sys

import pytest
from clips import make_videos
from house import REPOSITORY
from slurm_cluster import Cluster, why_not

from stagewise.crops import extraction
from stagewise.files import paths

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")]
STAGE = """
import pathlib, sys, time
place = pathlib.Path(__file__).parent
fold, more = sys.argv[2], sys.argv[3:]
with (place.parent / "order.txt").open("a") as told:
    told.write(f"{place.name} {fold} begins with {more}\\n")
end = time.monotonic() + 120
while (place.name, fold) == ("one", "2") and time.monotonic() < end:
    if "two 0 begins" in (place.parent / "order.txt").read_text():
        break
    time.sleep(0.1)
with (place.parent / "order.txt").open("a") as told:
    told.write(f"{place.name} {fold} ends\\n")
sys.exit(3 if (place.name, fold) == ("one", "1") else 0)
"""


@pytest.fixture
def code(tmp_path):
    """What the jobs are submitted from: the project's scripts, beside this Python as .venv has one."""
    folder = tmp_path / "code"
    for name in ("slurm", "stagewise", "preproc_data"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / ".venv" / "bin").mkdir(parents=True)
    python = folder / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/bash\nPYTHONPATH="{folder}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return folder


@pytest.fixture
def cluster(code, tmp_path, root):
    with Cluster(tmp_path / "cluster", code, STAGEWISE_ROOT=str(root)) as cluster:
        yield cluster


def volumes_and_index() -> dict[str, bytes]:
    folder = paths.modified_data_folder()
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.[cp][sk][vl]*")}


def test_an_array_of_shards_one_of_them_requeued_and_gathered_equals_a_single_run(cluster, root):
    make_videos(count=8)
    extraction.extract_subset("train", 0)
    single = volumes_and_index()
    shutil.rmtree(paths.modified_data_folder())

    array = cluster.submit("-c1", "--array=1-4", "slurm/extract.sbatch", "train")
    gathers = cluster.submit("-c2", f"--dependency=afterany:{array}", "slurm/extract.sbatch", "train")
    requeued = f"{array}_2"
    cluster.until(f"a word of {requeued}", lambda: cluster.output(requeued))
    cluster.command("scontrol", "requeue", requeued)  # as SLURM does where a node is lost, or another's job goes first
    cluster.wait()
    assert set(cluster.states().values()) == {"COMPLETED 0:0"}
    assert cluster.output(requeued).count("train, shard 2/4: ") == 2
    assert "gathers 4 of 4 shards" in cluster.output(gathers)
    assert "--workers" not in cluster.output(gathers)  # as many as SLURM granted is what the next step would take, too
    assert volumes_and_index() == single


def test_workers_are_as_many_as_slurm_granted(cluster, code):
    (code / "told.py").write_text(
        "from stagewise.console import cli\nprint('workers', cli.parser('', 'workers').parse_args([]).workers)\n"
    )
    job = cluster.submit("-c2", "slurm/answer.sbatch", "told.py")
    one = cluster.submit("-c1", "slurm/answer.sbatch", "told.py")
    cluster.wait()
    assert re.fullmatch(r"workers [12]\n", cluster.output(job)) and cluster.output(one) == "workers 1\n"


def test_a_folds_next_stage_begins_when_its_last_one_ended_well_and_does_not_wait_for_the_others(cluster, code):
    for name in ("one", "two"):
        (code / name).mkdir()
        (code / name / "r31_train.py").write_text(STAGE)
    said = cluster.command(
        "slurm/train.sh", "0-2", *(f"{name}/r31_train.py" for name in ("one", "two")), "--", "--seed"
    )
    jobs = re.findall(r"job (\d+)", said)
    cluster.wait()
    order = (code / "order.txt").read_text().splitlines()
    begun = [line for line in order if "begins" in line]
    assert all(line.endswith("begins with ['--seed']") for line in begun)
    place = {line.partition(" with")[0]: number for number, line in enumerate(order)}
    assert place["one 0 ends"] < place["two 0 begins"] < place["one 2 ends"] < place["two 2 begins"]
    assert "two 1 begins" not in place  # its first stage has failed
    states = cluster.states()
    assert states[f"{jobs[0]}_1"] == "FAILED 3:0" and states[f"{jobs[1]}_1"].startswith("CANCELLED")
