"""Seconds and memory of what reads whole tables, at the full data's size: 573,048 videos, and half of them.

    bench/run.sh scale_tables
    bench/run.sh scale_tables --rows 20000 10000 --dry-run

The tables are made up; videos and volumes there are none. Each step runs in a process of its own, which has imported
what the step needs before it is measured. Seconds are the processor's, so that others at work change them little; the
peak is the process's, with Python, NumPy, pandas and the like, which come to what stands below `imported`. A step is
linear where twice the rows take twice the seconds.
Time: 3 minutes on 2 CPU cores.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
from measure import machine, write_section

from stagewise.console import cli
from stagewise.crops.roi_index import ROI_INDEX
from stagewise.files import paths
from stagewise.messages.errors import StagewiseError

ALL, TEST_SHARE = 573_048, 14_160 / 573_048  # the competition's training videos, and test videos for each
PROJECTS, STALLED, TIER1 = 180, 0.0033, 0.09  # about the competition's
SEED = 42
LINEAR = 1.25  # times as long as twice the half; more is told


def make_tables(rows: int) -> None:
    """Indexes, labels, metadata and submission format of so many made-up videos, in the root."""
    generator = np.random.default_rng(SEED)
    for folder in (paths.input_folder(), paths.roi_index("train").parent):
        folder.mkdir(parents=True)
    for subset, first, count in (("train", 100_000, rows), ("test", 900_000, max(int(rows * TEST_SHARE), 1))):
        names = [f"{number}.mp4" for number in range(first, first + count)]
        frames, stalled = generator.integers(20, 200, count), generator.random(count) < STALLED
        _index(names, frames, generator).to_csv(paths.roi_index(subset), index=False, lineterminator="\n")
        metadata = _metadata(names, frames, stalled, generator)
        metadata.to_csv(paths.input_folder() / f"{subset}_metadata.csv", index=False)
        labels = pd.DataFrame({"filename": names, "stalled": stalled.astype(int)})
        table = "train_labels" if subset == "train" else "submission_format"
        labels.to_csv(paths.input_folder() / f"{table}.csv", index=False)


def _index(names: list[str], frames: np.ndarray, generator: np.random.Generator) -> pd.DataFrame:
    count = len(names)
    y0, x0, height, width = (generator.integers(20, 150, count) for _ in range(4))
    digests = [generator.bytes(48).hex() for _ in range(count)]
    sizes = dict(frames=frames, height=height, width=width, y0=y0, x0=x0, y1=y0 + height, x1=x0 + width)
    table = pd.DataFrame({"filename": names, **sizes, "frames_with_outline": frames, "video_bytes": frames * 40_001})
    table["sha256"], table["etag"] = [text[:64] for text in digests], [text[64:] for text in digests]
    return table.assign(status="ok", reason="")[list(ROI_INDEX)]


def _metadata(
    names: list[str], frames: np.ndarray, stalled: np.ndarray, generator: np.random.Generator
) -> pd.DataFrame:
    count = len(names)
    tier1 = stalled | (generator.random(count) < TIER1)
    columns = {
        "filename": names,
        "url": [f"s3://drivendata-competition-clog-loss/train/{name}" for name in names],
        "project_id": generator.integers(0, PROJECTS, count).astype(str),
        "num_frames": frames,
        "crowd_score": generator.random(count).round(4),
        "tier1": tier1,
        "micro": tier1 & (generator.random(count) < 0.05),
    }
    return pd.DataFrame(columns)


def known_rows() -> Callable[[], object]:
    """r01 going on: what the index says of every video."""
    from stagewise.crops.extraction import index_of

    return lambda: index_of("train").known_rows()


def index() -> Callable[[], object]:
    """The index as r02, r03, r05 and the report read it."""
    from stagewise.data.tables import read_roi_index

    return lambda: read_roi_index(paths.roi_index("train"))


def checks() -> Callable[[], object]:
    """r02, all but the volumes themselves."""
    from stagewise.checks import verification
    from stagewise.checks.findings import Data

    def work() -> Data:
        data = Data()
        verification._read_tables(data)
        for subset in paths.SUBSETS:
            verification._check_files(data, subset)
            verification._note_outlines(data, subset)
            verification.check_frame_counts(data, subset)
            table = data.tables[f"{subset}_volumes"]
            data.tables[f"{subset}_volumes"] = table.assign(grey_level=table["height"] * 1.0)
        verification.check_train(data)
        verification.check_test(data)
        verification.check_leaks(data)
        verification.check_split(data, None)
        verification._note_giveaways(data)
        return data

    return work


def split() -> Callable[[], object]:
    """r03: labels, metadata and index to a split."""
    from stagewise.data.fold_making import FoldMaking, gen_kfold_split
    from stagewise.data.labelled import labelled_videos
    from stagewise.data.split_checks import require_trainable
    from stagewise.data.split_writing import write_split

    def work() -> None:
        made = gen_kfold_split(labelled_videos(), FoldMaking())
        require_trainable(made, FoldMaking(), [])
        write_split(made, paths.split_csv(), True, "")

    return work


def reading_split() -> Callable[[], object]:
    """The split as every training reads it."""
    from stagewise.data.splits import read_split

    return lambda: read_split(None)


def submission_format() -> Callable[[], object]:
    """A submission format of as many videos as the training set has."""
    from stagewise.data.tables import read_submission_format

    return lambda: read_submission_format(paths.input_folder() / "train_labels.csv")


def sampler() -> Callable[[], object]:
    """An epoch's draws by chance (6,000), and one of every clip once."""
    from stagewise.recipes.sampling import ByChance, EachClipOnce, SampleKey

    stalled = (np.random.default_rng(SEED).random(_rows()) < STALLED).astype(np.int64)

    def work() -> None:
        for sampling, samples in ((ByChance(0.25, 1000), 6000), (EachClipOnce(), len(stalled))):
            draw = sampling.draws(stalled)
            for place in range(samples):
                draw(SampleKey(SEED, "stage", 0, 0, place))

    return work


def report() -> Callable[[], object]:
    """The report's tables of the data and of every clip's score, as if all of them had been answered out of fold."""
    from stagewise.data.projects import projects_of, score_projects, sharing
    from stagewise.data.splits import read_split
    from stagewise.data.tables import read_roi_index
    from stagewise.recipes.d121 import D121
    from stagewise.report import rows

    def work() -> None:
        read = read_split(None)
        projects = projects_of(read)
        indexes = {subset: read_roi_index(paths.roi_index(subset)) for subset in paths.SUBSETS}
        rows.of_data(SimpleNamespace(split=read, projects=projects, indexes=indexes, recipe=D121))
        chance = np.random.default_rng(SEED).random(len(projects))
        table = read.table[["filename", "stalled", "fold"]].assign(probability=chance).merge(projects, on="filename")
        for by in ("project_id", "fold"):
            rows._records(score_projects(table, 0.5, by))
        sharing(table)

    return work


STEPS = {  # name, what prepares it; the split is read by those behind it
    "r01 going on: the index's rows": known_rows,
    "reading the index": index,
    "r03: making and writing the split": split,
    "reading the split": reading_split,
    "r02's checks of the tables": checks,
    "reading submission_format": submission_format,
    "sampler: 6,000 by chance, and every clip once": sampler,
    "the report's tables": report,
}


def _rows() -> int:
    return sum(1 for _ in (paths.input_folder() / "train_labels.csv").open()) - 1


def serve(name: str) -> None:
    """Take the step in this process, and say what it took."""
    work = STEPS[name]()
    imported, start = _peak(), time.process_time()
    work()
    print(json.dumps({"seconds": time.process_time() - start, "peak": _peak(), "imported": imported}))


def _peak() -> int:
    status = Path("/proc/self/status").read_text()  # getrusage's peak is of the process before exec, too
    return int(status.partition("VmHWM:")[2].split()[0]) >> 10


def measured(name: str, root: str) -> dict[str, float]:
    """Seconds, and MiB, of a step in a process of its own."""
    command = [sys.executable, __file__, "--serve", name]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "STAGEWISE_ROOT": root})
    if done.returncode:
        raise StagewiseError(f"{name!r} ended with exit code {done.returncode}; its message is above")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Make the tables, take each step at both sizes, and write what they took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs=2, default=(ALL, ALL // 2), metavar="N")
    parser.add_argument("--only", nargs="+", choices=STEPS, default=list(STEPS), metavar="STEP")
    parser.add_argument("--dry-run", action="store_true", help="print the table alone")
    parser.add_argument("--serve", choices=STEPS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve)
        return
    found: dict[str, list[dict[str, float]]] = {name: [] for name in arguments.only}
    for rows in arguments.rows:
        with tempfile.TemporaryDirectory() as root:
            os.environ["STAGEWISE_ROOT"] = root
            make_tables(rows)
            for name, results in found.items():
                results.append(measured(name, root))
                print(rows, name, results[-1], flush=True)
    lines = [_line(name, *results) for name, results in found.items()]
    header = ("step", *(f"{rows:,} rows, CPU s" for rows in arguments.rows), "linear", "peak MiB", "imported MiB")
    if not arguments.dry_run:
        write_section("Tables of the full data", "bench/run.sh scale_tables", machine("pandas", "numpy"), header, lines)
    else:
        print(header, *lines, sep="\n")


def _line(name: str, whole: dict[str, float], half: dict[str, float]) -> tuple[str, ...]:
    growth = whole["seconds"] / max(half["seconds"], 1e-9) / 2
    linear = "yes" if growth < LINEAR else f"no: {growth:.2f} times that"
    return name, f"{whole['seconds']:.2f}", f"{half['seconds']:.2f}", linear, str(whole["peak"]), str(whole["imported"])


if __name__ == "__main__":
    cli.run(main)
