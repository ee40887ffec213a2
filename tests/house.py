"""A copy of the project with smaller numbers, whose numbered scripts run as a user runs them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
STAGES = ("net_d121_stage1", "net_d121_stage2_auc", "net_d121_stage3_tier1")
SMALLER = {  # what a user would edit on stagewise/recipes/d121.py
    "input_shape=(32, 64, 64)": "input_shape=(16, 24, 24)",
    "blocks=(2, 2, 2, 2)": "blocks=(1, 1)",
    "steps_per_epoch=75": "steps_per_epoch=3",
    "epochs=3": "epochs=2",
}
SMALLEST = {  # for a test that runs every script hundreds of times
    **SMALLER,
    "input_shape=(32, 64, 64)": "input_shape=(6, 12, 12)",
    "blocks=(2, 2, 2, 2)": "blocks=(1,)",
    "growth_rate=16": "growth_rate=4",
    "stem_filters=16": "stem_filters=4",
    "batch_size=8": "batch_size=2",
}
FOLDS = ("--fold", "0", "--fold", "1")
TRAIN = ("--preset", "demo", *FOLDS)
RANDOM = ("--init", "random")


def copy_code(folder: Path, smaller: dict[str, str]) -> None:
    """A copy of the scripts and their package, with smaller numbers on the recipe's page."""
    for name in ("stagewise", "preproc_data", *STAGES):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    page = folder / "stagewise" / "recipes" / "d121.py"
    text = page.read_text()
    for full, small in smaller.items():
        if text.count(full) != 1:
            raise ValueError(f"{full} stands {text.count(full)} times on the recipe's page")
        text = text.replace(full, small)
    page.write_text(text)


class House:
    """A copy of the project with a small demo page, whose scripts run on a root of their own."""

    def __init__(self, folder: Path) -> None:
        self.code, self.root = folder / "code", folder / "root"
        copy_code(self.code, SMALLER)

    def start(self, *command: str, root: Path | None = None, **settings: str) -> subprocess.Popen:
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
        process = self.start(*command, root=root, **settings)
        output = process.communicate(timeout=300)[0]
        assert process.returncode == code, output
        return output
