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
FOLDS = ("--fold", "0", "--fold", "1")
TRAIN = ("--preset", "demo", *FOLDS)
RANDOM = ("--init", "random")


class House:
    """A copy of the project with a small demo page, whose scripts run on a root of their own."""

    def __init__(self, folder: Path) -> None:
        self.code, self.root = folder / "code", folder / "root"
        for name in ("stagewise", "preproc_data", *STAGES):
            shutil.copytree(REPOSITORY / name, self.code / name, ignore=shutil.ignore_patterns("__pycache__"))
        page = self.code / "stagewise" / "recipes" / "d121.py"
        text = page.read_text()
        for full, smaller in SMALLER.items():
            assert text.count(full) == 1, full
            text = text.replace(full, smaller)
        page.write_text(text)

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
