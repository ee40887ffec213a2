"""A whole phantom competition: which clip is train or test, stalled or flowing, and the work of making them."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stagewise.files import paths, writers
from stagewise.files.leftovers import remove_leftovers
from stagewise.machine.workers import WorkerPool
from stagewise.messages.progress import progress
from stagewise.phantom import begun, clip, rendering, tables
from stagewise.phantom.appearance import Half

FIRST_NUMBER = 100_000  # the real files' numbers have six digits from here on


@dataclass(frozen=True)
class Order:
    """What is to be made: counts of clips, shares of 0-1, and what `clip.Settings` holds."""

    train: int
    test: int
    stalled_share: float
    tier1_share: float
    projects: int
    seed: int
    difficulty: float = 1.0
    hard: bool = False
    half: Half | None = None

    @property
    def settings(self) -> clip.Settings:
        """The part that the clips depend on."""
        return clip.Settings(self.seed, self.projects, self.difficulty, self.hard, self.half)


@dataclass(frozen=True)
class ClipTask:
    """One clip to make."""

    settings: clip.Settings
    index: int
    stalled: bool
    path: Path

    def __str__(self) -> str:
        return paths.shown(self.path)


def plan_rows(order: Order) -> list[tables.Row]:
    """The rows of all tables, in the order of the file names; train and test are interleaved at random."""
    count = order.train + order.test
    rng = np.random.default_rng([order.seed, 0])
    test = np.sort(rng.permutation(count)[: order.test])
    train = np.setdiff1d(np.arange(count), test)
    stalled = np.zeros(count, bool)
    for members in (train, test):
        stalled[rng.permutation(members)[: round(order.stalled_share * len(members))]] = True
    in_test = np.isin(np.arange(count), test)
    return [_row(order, index, "test" if in_test[index] else "train", bool(stalled[index])) for index in range(count)]


def _row(order: Order, index: int, subset: str, stalled: bool) -> tables.Row:
    rng = np.random.default_rng([order.seed, 6, index])
    facts = clip.clip_facts(order.settings, index)
    tier1 = rng.random() < order.tier1_share
    micro = rng.random() < tables.MICRO_SHARE and tier1  # all of micro and nano is tier 1
    nano = rng.random() < tables.NANO_SHARE and micro
    score = tables.crowd_score(rng, stalled)
    filename = f"{FIRST_NUMBER + index}.mp4"
    return tables.Row(subset, filename, stalled, facts.frames, facts.project, score, tier1, micro, nano)


def check_folder(folder: Path, order: Order) -> None:
    """Refuse a folder that is neither empty nor holds an interrupted run of the same order (InputError)."""
    begun.check_folder(folder, dataclasses.asdict(order), "preproc_data/r01_extract_roi.py")


def make(order: Order, workers: int) -> None:
    """Make the data set in the input folder, or finish one that was interrupted.

    The clips are the same bytes for any number of workers. Until the last table stands, a marker file in the
    folder says that the set is not whole. Raises InputError as `check_folder` does.
    """
    folder = paths.input_folder()
    check_folder(folder, order)
    remove_leftovers(folder)
    with begun.unfinished(folder, dataclasses.asdict(order)):
        _make(order, folder, workers)


def _make(order: Order, folder: Path, workers: int) -> None:
    rows = plan_rows(order)
    for subset in paths.SUBSETS:
        paths.videos_folder(subset).mkdir(exist_ok=True)
        remove_leftovers(paths.videos_folder(subset))
    clips = [
        ClipTask(order.settings, index, row.stalled, paths.videos_folder(row.subset) / row.filename)
        for index, row in enumerate(rows)
    ]
    missing = [task for task in clips if not task.path.exists()]
    with WorkerPool(workers) as pool, progress(len(missing), "making the phantom", "clips") as line:
        for task, clip_file in pool.in_order(make_clip, missing):
            # here, since a worker that waited for the disk would leave its core idle
            with paths.replacing(task.path) as temporary:
                clip_file.replace(temporary)
            line.advance()
    tables.write_tables(folder, rows)


def make_clip(task: ClipTask) -> Path:
    """Render one clip. Returns: the file in the place's folder, to be flushed and renamed to its place."""
    made = writers.temporary(task.path)
    rendering.write_clip(task.settings, task.index, task.stalled, made)
    return made
