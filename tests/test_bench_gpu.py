"""The measurement of a GPU in one call, tried on small nets: figures are kept as they come, and failures are rows."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from house import REPOSITORY, SMALLEST, copy_code

BENCH = REPOSITORY / "bench"
HAS_TORCH = importlib.util.find_spec("torch") is not None


@pytest.fixture
def bench(monkeypatch):
    """Makes bench/ importable, as it is for the benchmarks themselves."""
    monkeypatch.syspath_prepend(str(BENCH))


def measured(code: Path, out: Path, *arguments: str) -> tuple[list[dict], str]:
    """The rows and the section of a trial."""
    settings = {"PYTHON": sys.executable, "PYTHONPATH": str(code), "OUT": str(out)}
    command = ["bash", str(code / "bench" / "gpu.sh"), "--tiny", *arguments]
    done = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    lines = (out / "gpu.jsonl").read_text().splitlines()
    assert lines == [line for line in done.stdout.splitlines() if line.startswith("{")]
    return list(map(json.loads, lines)), (out / "RESULTS.md").read_text()


@pytest.mark.slow
def test_a_trial_times_what_is_installed_and_says_what_is_not(tmp_path):
    ours = "train:jax:ndhwc:6"  # five nets' answers are minutes of compiling
    rows, section = measured(REPOSITORY, tmp_path, "--only", "ceilings", ours, "train:monai:6+24")
    steps = [row for row in rows if row["what"] == "step" and row["name"] == ours]
    assert [row["round"] for row in steps] == [1, 2] and all(row["batch"] == row["passes"] == 6 for row in steps)
    assert all(min(row["seconds"], row["alone"], row["peak"]) > 0 for row in steps)
    of_torch = [row for row in rows if row["what"] == "ceiling" or row["name"].startswith("train:monai")]
    assert HAS_TORCH or (len(of_torch) == 2 and all(row["error"].endswith("is not installed") for row in of_torch))
    assert f"| {ours} | 6 | " in section


@pytest.mark.slow
def test_the_demo_runs_from_its_phantom_to_its_adaptive_answers(tmp_path, compiled_once):
    copy_code(tmp_path, {"d121": SMALLEST["d121"]})
    shutil.copytree(BENCH, tmp_path / "bench", ignore=shutil.ignore_patterns("__pycache__"))
    rows, section = measured(tmp_path, tmp_path / "out", "--only", "demo")
    demo = [row for row in rows if row["what"] == "demo"]
    log = (tmp_path / "out" / "gpu.log").read_text()
    assert [row["code"] for row in demo] == [0] * 10, log[-3000:]
    scripts = ("r00", "r01", "r03", "r31", "r31", "r31", "r41", "r42", "r42", "r50")
    assert tuple(row["name"].partition("/")[2][:3] for row in demo) == scripts
    assert "--adaptive" in section and "MCC" in demo[-1]["said"]


def test_figures_are_kept_through_a_cut_off_and_until_they_are_made_again(bench, tmp_path, capsys):
    from gpu_rows import Rows

    def step(rows: Rows, name: str, seconds: float) -> None:
        rows.write("ready", name, seconds=1)
        rows.write("step", name, round=1, batch=6, seconds=seconds, alone=seconds / 2, count=9, passes=6, peak=1.5)

    first = Rows(tmp_path, tiny=True)
    step(first, "train:jax:6", 0.5)
    step(first, "train:monai:6", 0.25)
    first.write("ready", "train:timm:6", error="timm_3d is not installed")
    with first.json_lines.open("a") as file:
        file.write('{"what": "st')  # the machine went away here
    step(Rows(tmp_path, tiny=False), "train:jax:6", 99.0)  # of the full size, which is another section
    second = Rows(tmp_path, tiny=True)
    step(second, "train:jax:6", 0.125)
    trial, full = second.sections.read_text().split("## One call")[1:3]
    assert "| train:jax:6 | 6 | 0.125 | 0.0625 | 48.0 | 96.0 | 1.50 | 1 |" in trial and "0.500" not in trial
    assert "| train:monai:6 | 6 | 0.250 |" in trial and "| train:timm:6 |  | timm_3d is not installed |" in trial
    assert "99.0" in full and "monai" not in full
    assert all(json.loads(line) for line in second.json_lines.read_text().splitlines())


def test_a_process_that_ends_or_says_nothing_is_an_error_in_time(bench, tmp_path):
    from gpu_children import Child

    log = tmp_path / "log.txt"
    echo = "import sys; sys.path.insert(0, 'bench'); import gpu_children as c; [c.say(line=line) for line in sys.stdin]"
    with Child("-c", echo, log=log) as child:
        assert child.ask("0.5", 60) == {"line": "0.5\n"}
    with Child("-c", "import sys; sys.exit('no such GPU')", log=log) as child:
        assert child.ask("0.5", 60) == {"error": "ended with exit code 1"}
    assert "no such GPU" in log.read_text()
    start = time.monotonic()
    with Child("-c", "import time; time.sleep(60)", log=log) as child:
        assert child.answer(0.2) == {"error": "no answer in 0 s"}
    assert time.monotonic() - start < 30


def test_our_flag_is_put_behind_the_users_own_and_every_candidate_has_a_name_of_its_own(bench):
    from gpu_candidates import CANDIDATES

    with_flag = CANDIDATES["train:jax:ndhwc:6"].environment("--xla_dump_to=x")
    assert with_flag["XLA_FLAGS"] == "--xla_dump_to=x --xla_gpu_force_conv_nhwc=true"
    both = CANDIDATES["answer:jax:ndhwc:products:6"].environment("")
    assert both["XLA_FLAGS"] == "--xla_gpu_force_conv_nhwc=true --xla_gpu_experimental_gemm_fusion_v2=true"
    assert "XLA_FLAGS" not in CANDIDATES["train:jax:6"].environment("")
    assert len(set(CANDIDATES.values())) == len(CANDIDATES) == 20
