"""The answers of trained folds on new clips: the adaptive ensemble against the full one, OpenVINO against Keras.

    bench/run.sh answers ROOT      ROOT: that of a finished demo, best with all five folds trained

r42 itself answers phantom clips of the real share of stalled ones (0.3 %): all of them in full and with --adaptive, and
the first --on-keras of them on Keras.
"""

import os
import shutil
import tempfile
from pathlib import Path

import pandas as pd
from measure import machine, script, write_section
from trainings import STAGES

from stagewise.console import cli
from stagewise.files import paths
from stagewise.messages.commands import fold_options

STAGE = STAGES[-1]


def move_in(trained: Path, clips: int) -> None:
    """New clips of the test set beside the trained folds of another root."""
    script(
        "preproc_data/r00_make_phantom.py",
        *("--train", 4, "--test", clips, "--stalled-share", 0.003, "--seed", 77),
    )
    script("preproc_data/r01_extract_roi.py", "test")
    shutil.copytree(trained / "models", paths.models_folder())
    for table in (trained / "modified_data").glob("*.csv"):
        shutil.copy(table, paths.modified_data_folder())


def ask_for_first(clips: int) -> None:
    """Let the submission format name only so many of its videos."""
    path = paths.input_folder() / "submission_format.csv"
    pd.read_csv(path).head(clips).to_csv(path, index=False)


def answers(*options: object) -> tuple[pd.DataFrame, str]:
    """What r42 answers with these options: filename, probability, stalled; and what it prints."""
    printed = script(f"{STAGE}/r42_process_test.py", *options)
    return pd.read_csv(paths.test_csv(STAGE)).merge(pd.read_csv(paths.submission_csv())), printed


def compare(folds: list[str], on_keras: int) -> list[tuple]:
    """The rows of the table."""
    options = fold_options(folds)
    full, _ = answers(*options, "--engine", "openvino")
    adaptive, printed = answers(*options, "--engine", "openvino", "--adaptive")
    ask_for_first(on_keras)
    by_keras, _ = answers(*options, "--engine", "keras")
    same = full.head(on_keras)
    difference = (by_keras["probability"] - same["probability"]).abs().max()
    told = (line for line in printed.splitlines() if line.startswith(("settled", "forward", "expected")))
    return [
        ("stalled, answered in full", full["stalled"].sum()),
        *(("--adaptive, default bound", line) for line in told),
        ("--adaptive against in full: changed answers", (full["stalled"] != adaptive["stalled"]).sum()),
        (f"OpenVINO against Keras, {len(same):,} clips: largest difference of a mean", f"{difference:.1e}"),
        ("OpenVINO against Keras: changed answers", (by_keras["stalled"] != same["stalled"]).sum()),
    ]


def main() -> None:
    """Compare in a temporary root, and write the table."""
    parser = cli.parser(__doc__)
    parser.add_argument("trained", type=Path, metavar="ROOT", help="the STAGEWISE_ROOT of a finished demo")
    parser.add_argument("--clips", type=cli.at_least(100), default=3000, help="(default: %(default)s)")
    parser.add_argument("--on-keras", type=cli.at_least(1), default=1000, help="(default: %(default)s)")
    arguments = parser.parse_args()
    trained = arguments.trained.absolute()
    folds = sorted(folder.name.removeprefix("fold_") for folder in (trained / "models" / STAGE).glob("fold_*"))
    if not folds:
        parser.error(f"no trained fold in {trained}/models/{STAGE}; run: STAGEWISE_ROOT={trained} ./run.sh")
    with tempfile.TemporaryDirectory() as root:
        os.environ["STAGEWISE_ROOT"] = root
        move_in(trained, arguments.clips)
        rows = compare(folds, arguments.on_keras)
    setting = f"{len(folds)} folds of the demo, {arguments.clips:,} phantom clips. "
    setting += machine("keras", "tensorflow", "openvino")
    write_section("Answers", "bench/run.sh answers ROOT", setting, ("what", "result"), rows)


if __name__ == "__main__":
    cli.run(main)
