"""A copy of the project with smaller numbers, whose numbered scripts run as a user runs them."""

import os
import runpy
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from forks import Forks

REPOSITORY = Path(__file__).parents[1]
STAGES = ("net_d121_stage1", "net_d121_stage2_auc", "net_d121_stage3_tier1")
FOLDERS = ("stagewise", "preproc_data", *STAGES, "second_place_r101", "third_place_vote", "join", "pneumothorax")
SMALLER = {  # what a user would edit on stagewise/recipes/d121.py
    "input_shape=(32, 64, 64)": "input_shape=(8, 16, 16)",
    "blocks=(2, 2, 2, 2)": "blocks=(1, 1)",
    "growth_rate=16": "growth_rate=4",
    "stem_filters=16": "stem_filters=4",
    "batch_size=8": "batch_size=4",
    "steps_per_epoch=75": "steps_per_epoch=3",
    "epochs=3": "epochs=2",
}
SMALLEST = {  # by the recipe's page, for a test that runs every script hundreds of times
    "d121": {
        **SMALLER,
        "input_shape=(32, 64, 64)": "input_shape=(6, 12, 12)",
        "blocks=(2, 2, 2, 2)": "blocks=(1,)",
        "batch_size=8": "batch_size=2",
    },
    "r101": {
        "input_shape=(None, 48, 48)": "input_shape=(None, 12, 12)",
        "blocks=(1, 1, 1, 1)": "blocks=(1,)",
        "widths=(8, 16, 32, 64)": "widths=(4,)",
        "batch_size=4": "batch_size=2",
        "epochs=7": "epochs=2",
        "SHORT_SNAPSHOTS = (3, 7)": "SHORT_SNAPSHOTS = (1, 2)",
    },
    "vote": {
        "input_shape=(None, 40, 40)": "input_shape=(None, 12, 12)",
        "blocks=(1, 1)": "blocks=(1,)",
        "widths=(8, 16)": "widths=(4,)",
        "stem_middle=8": "stem_middle=3",
        "epochs=5": "epochs=2",
    },
}
SMALLEST["pneumothorax"] = {"side=192": "side=64", "epochs=16": "epochs=2", "half_period=16": "half_period=2"}
LONGEST = 300.0  # seconds that a script may take
FOLDS = ("--fold", "0", "--fold", "1")
TRAIN = ("--preset", "demo", *FOLDS)
RANDOM = ("--init", "random")


def main_of(script: Path) -> Callable[[], None]:
    """The `main` of a numbered script, in this process; what it imports from beside it is its own, as for Python."""
    sys.path.insert(0, str(script.parent))
    try:
        return runpy.run_path(str(script))["main"]
    finally:
        sys.path.remove(str(script.parent))
        sys.modules.pop("r31_train", None)  # each stage has one


def hear_ctrl_c() -> None:
    """For a process, as it begins: it hears SIGINT, which one in the background of a shell ignores."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def started(command: list[str], **options: object) -> subprocess.Popen:
    """A process that hears Ctrl-C; its two outputs are pipes of text, or as the options of `Popen` say."""
    usual = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=hear_ctrl_c)
    return subprocess.Popen(command, **usual | options)


def copy_code(folder: Path, pages: dict[str, dict[str, str]]) -> None:
    """A copy of all scripts and their package, with smaller numbers on the recipes' pages that are named."""
    for name in FOLDERS:
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name, smaller in pages.items():
        page = folder / "stagewise" / "recipes" / f"{name}.py"
        text = page.read_text()
        for full, small in smaller.items():
            if text.count(full) != 1:
                raise ValueError(f"{full} stands {text.count(full)} times on {page}")
            text = text.replace(full, small)
        page.write_text(text)


class House:
    """A copy of the project with small demo pages, whose scripts run on a root of their own; a context manager."""

    def __init__(self, folder: Path, pages: dict[str, dict[str, str]] | None = None) -> None:
        self.code, self.root = folder / "code", folder / "root"
        copy_code(self.code, pages or {"d121": SMALLER})
        self.forks: Forks | None = None

    def __enter__(self) -> "House":
        return self

    def __exit__(self, *exception: object) -> None:
        if self.forks:
            self.forks.__exit__(*exception)

    def start(self, *command: str, root: Path | None = None, **settings: str) -> subprocess.Popen:
        """A script in a process of its own, as a user starts it."""
        environment = {**os.environ, "PYTHONPATH": str(self.code), "STAGEWISE_ROOT": str(root or self.root), **settings}
        return subprocess.Popen(
            [sys.executable, *command],
            cwd=self.code,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *command: str, root: Path | None = None, code: int = 0, **settings: str) -> str:
        """A script's output at its end, which must be with this exit code."""
        process = self.start(*command, root=root, **settings)
        output = process.communicate(timeout=LONGEST)[0]
        assert process.returncode == code, output
        return output

    def fork(self, *command: str, root: Path | None = None, code: int = 0) -> str:
        """The same in a fork that has Keras on TensorFlow loaded: for a script that needs that, or no Keras at all."""
        ended, output = self.loaded().run(command, root or self.root, LONGEST)
        assert ended == code, output
        return output

    def loaded(self) -> Forks:
        """The process that such forks are of."""
        self.forks = self.forks or Forks(self.code)
        return self.forks
