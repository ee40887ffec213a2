"""The demo on the phantom for `bench/gpu.py`, script after script, from r00 to r50, `--adaptive` among them."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from gpu_candidates import CANDIDATES
from gpu_rows import Rows
from measure import REPOSITORY

FOLD, DEMO = ("--fold", "0"), ("--preset", "demo")
LAST = "net_d121_stage3_tier1"
NEEDS_S = 5  # a step is not begun with less time than this


def steps(tiny: bool, workers: int) -> list[tuple[bool, list[str]]]:
    """Each script with its options, and whether it computes on the GPU.

    --memory 100: all of the memory, as that of a virtual machine may start small and grow.
    """
    train, test = (24, 6) if tiny else (800, 120)
    at_work = ("--workers", str(workers))
    training = (*DEMO, *FOLD, *at_work, "--memory", "100")
    adaptive = ("--adaptive", "0.05", "--prevalence", "0.1")
    make = ("--train", str(train), "--test", str(test), "--stalled-share", "0.5")
    return [
        (False, ["preproc_data/r00_make_phantom.py", *make, *at_work]),
        (False, ["preproc_data/r01_extract_roi.py", *at_work]),
        (False, ["preproc_data/r03_gen_kfold_split.py"]),
        (True, ["net_d121_stage1/r31_train.py", *training, "--init", "random"]),
        (True, ["net_d121_stage2_auc/r31_train.py", *training]),
        (True, [f"{LAST}/r31_train.py", *training]),
        (True, [f"{LAST}/r41_process_oof.py", *FOLD, *at_work]),
        (True, [f"{LAST}/r42_process_test.py", *FOLD, *at_work]),
        (True, [f"{LAST}/r42_process_test.py", *FOLD, *at_work, *adaptive]),
        (False, [f"{LAST}/r50_score_phantom.py"]),
    ]


def run_demo(rows: Rows, tiny: bool, root: Path, log: Path, gpu: threading.Lock, left: Callable[[], float]) -> None:
    """Run all, each as far as the time goes; the first that fails is the last.

    gpu: held by a step that computes on it, so that nothing is timed beside it; left: the seconds that are left.
    """
    backend = next((one.of for one in CANDIDATES.values() if one.is_ours and not one.missing), "tensorflow")
    environment = {**os.environ, "STAGEWISE_ROOT": str(root), "KERAS_BACKEND": backend, "TERM": "dumb"}
    for computes, words in steps(tiny, workers=1 if tiny else 6):
        with gpu if computes else threading.Lock():
            start = time.monotonic()
            code, said = _run(words, environment, log, left())
        rows.write("demo", " ".join(words), seconds=time.monotonic() - start, said=said, code=code)
        if code:
            return


def _run(words: list[str], environment: dict[str, str], log: Path, seconds: float) -> tuple[int, str]:
    """The exit code of a script, and its last line."""
    if seconds < NEEDS_S:
        return 1, "no time was left"
    with log.open("a", encoding="utf-8") as file:
        file.write(f"\n$ python {' '.join(words)}\n")
        file.flush()
        command = [sys.executable, *words]
        try:
            done = subprocess.run(
                command,
                env=environment,
                cwd=REPOSITORY,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired:
            return 1, f"not done in {seconds:.0f} s"
        file.write(done.stdout)
    lines = [line for line in done.stdout.splitlines() if line.strip() and not line.startswith("next:")]
    told = lines[-1] if lines else ""
    return done.returncode, told if not done.returncode else f"exit code {done.returncode}, see {log.name}"
