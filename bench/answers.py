"""The answers of trained folds on 1,000 new clips: OpenVINO against Keras, the adaptive ensemble against the full one.

    bench/run.sh answers ROOT      ROOT: that of a finished demo

r42 itself answers phantom clips of the real share of stalled ones (0.3 %), on both engines and with --adaptive.
"""

import os
import shutil
import tempfile
from pathlib import Path

import pandas as pd
from measure import machine, script, write_section

from stagewise import cli, paths

STAGE = "net_d121_stage3_tier1"
CLIPS = 1000


def move_in(trained: Path) -> list[str]:
    """New clips of the test set beside the trained folds of another root. Returns: r42's options for these folds."""
    script(
        "preproc_data/r00_make_phantom.py",
        *("--train", 4, "--test", CLIPS, "--stalled-share", 0.003, "--seed", 77),
    )
    script("preproc_data/r01_extract_roi.py", "test")
    shutil.copytree(trained / "models", paths.models_folder())
    for table in (trained / "modified_data").glob("*.csv"):
        shutil.copy(table, paths.modified_data_folder())
    folds = sorted(folder.name.removeprefix("fold_") for folder in (trained / "models" / STAGE).glob("fold_*"))
    return [word for fold in folds for word in ("--fold", fold)]


def answers(*options: str) -> tuple[pd.DataFrame, str]:
    """What r42 answers with these options: filename, probability, stalled; and what it prints."""
    printed = script(f"{STAGE}/r42_process_test.py", *options)
    folder = paths.submission_folder()
    return pd.read_csv(folder / f"{STAGE}_test.csv").merge(pd.read_csv(folder / "submission.csv")), printed


def compare(trained: Path) -> list[tuple]:
    """The rows of the table."""
    folds = move_in(trained)
    by_keras, _ = answers(*folds, "--engine", "keras")
    by_openvino, _ = answers(*folds, "--engine", "openvino")
    by_adaptive, printed = answers(*folds, "--engine", "openvino", "--adaptive")
    difference = (by_keras["probability"] - by_openvino["probability"]).abs().max()
    told = (line for line in printed.splitlines() if line.startswith(("settled", "forward", "expected")))
    return [
        ("stalled in full, on Keras", by_keras["stalled"].sum()),
        ("OpenVINO against Keras: largest difference of a mean", f"{difference:.1e}"),
        ("OpenVINO against Keras: changed answers", (by_keras["stalled"] != by_openvino["stalled"]).sum()),
        *(("--adaptive, default bound", line) for line in told),
        ("--adaptive against full: changed answers", (by_openvino["stalled"] != by_adaptive["stalled"]).sum()),
    ]


def main() -> None:
    """Compare in a temporary root, and write the table."""
    parser = cli.parser(__doc__)
    parser.add_argument("trained", type=Path, metavar="ROOT", help="the STAGEWISE_ROOT of a finished demo")
    trained = parser.parse_args().trained.absolute()
    if not any((trained / "models" / STAGE).glob("fold_*")):
        parser.error(f"no trained fold in {trained}/models/{STAGE}; run: STAGEWISE_ROOT={trained} ./run.sh")
    with tempfile.TemporaryDirectory() as root:
        os.environ["STAGEWISE_ROOT"] = root
        rows = compare(trained)
    setting = f"The demo's trained folds on {CLIPS:,} phantom clips. {machine('keras', 'tensorflow', 'openvino')}"
    write_section("Answers", "bench/run.sh answers ROOT", setting, ("what", "result"), rows)


if __name__ == "__main__":
    cli.run(main)
