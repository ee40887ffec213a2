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
MARGIN_S = 3.0  # what a step ends before the limit


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


class Demo:
    """The scripts at work, each as far as the time goes; the first that fails is the last.

    gpu: held by a step that computes on it, so that nothing is timed beside it; left: the seconds that are left.
    """

    def __init__(
        self, rows: Rows, tiny: bool, root: Path, log: Path, gpu: threading.Lock, left: Callable[[], float]
    ) -> None:
        self.rows, self.tiny, self.log, self.gpu, self.left = rows, tiny, log, gpu, left
        backend = next((one.of for one in CANDIDATES.values() if one.is_ours and not one.missing), "tensorflow")
        self.environment = {**os.environ, "STAGEWISE_ROOT": str(root), "KERAS_BACKEND": backend, "TERM": "dumb"}
        self.process: subprocess.Popen | None = None

    def run(self) -> None:
        """All of them, a row each."""
        for computes, words in steps(self.tiny, workers=1 if self.tiny else 6):
            with self.gpu if computes else threading.Lock():
                start = time.monotonic()
                code, said = self._run(words)
            self.rows.write("demo", " ".join(words), seconds=time.monotonic() - start, said=said, code=code)
            if code:
                return

    def end(self) -> None:
        """End the script that is at work, if one is."""
        if self.process and self.process.poll() is None:
            self.process.kill()

    def _run(self, words: list[str]) -> tuple[int, str]:
        """The exit code of a script, and its last line."""
        seconds = self.left() - MARGIN_S
        if seconds <= 0:
            return 1, "no time was left"
        with self.log.open("a", encoding="utf-8") as file:
            print(f"\n$ python {' '.join(words)}", file=file, flush=True)
            self.process = subprocess.Popen(
                [sys.executable, *words],
                env=self.environment,
                cwd=REPOSITORY,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
            )
            try:
                told, _ = self.process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                self.end()
                return 1, f"not done in {seconds:.0f} s"
            file.write(told)
        lines = [line for line in told.splitlines() if line.strip() and not line.startswith("next:")]
        code = self.process.returncode
        return code, f"exit code {code}, see {self.log.name}" if code else (lines[-1] if lines else "")
