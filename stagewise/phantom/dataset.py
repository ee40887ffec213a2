"""A whole phantom competition: which clip is train or test, stalled or flowing, and the work of making them."""

import dataclasses
import json
import shlex
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stagewise.console.ending import command, ending
from stagewise.files import paths
from stagewise.files.leftovers import remove_leftovers
from stagewise.machine.workers import WorkerPool
from stagewise.messages.errors import InputError
from stagewise.messages.progress import progress
from stagewise.phantom import clip, rendering, tables
from stagewise.phantom.appearance import Half

FIRST_NUMBER = 100_000  # the real files' numbers have six digits from here on
MARKER = ".phantom-unfinished.json"


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
    """Refuse a folder that holds anything but `.gitkeep` or an interrupted run of the same order.

    Raises InputError, naming what is there and how to go on.
    """
    there = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    marker = folder / MARKER
    if marker.exists():
        anew = f"start over: rm -r {shlex.join(str(folder / name) for name in there if name != '.gitkeep')}"
        try:
            begun = json.loads(paths.read_text(marker))
        except ValueError as error:
            raise InputError(
                f"{paths.shown(marker)} is damaged ({error}), so that nothing tells what the phantom data there was to "
                f"become; {anew}"
            ) from error
        if begun != dataclasses.asdict(order):
            raise InputError(
                f"{paths.shown(folder)} holds an unfinished phantom data set made with {begun}; finish it with the "
                f"same command as then, or {anew}"
            )
        return
    foreign = [name for name in there if name != ".gitkeep" and not name.startswith(paths.TEMPORARY)]
    if foreign:
        raise InputError(
            f"{paths.shown(folder)} is not empty (it holds {', '.join(foreign[:5])}), and phantom data takes a folder "
            "of its own: choose one with STAGEWISE_ROOT=FOLDER; "
            f"to go on with what is there:\n{ending([], command('preproc_data/r01_extract_roi.py'))}"
        )


def make(order: Order, workers: int) -> None:
    """Make the data set in the input folder, or finish one that was interrupted.

    The clips are the same bytes for any number of workers. Until the last table stands, a marker file in the
    folder says that the set is not whole. Raises InputError as `check_folder` does.
    """
    folder = paths.input_folder()
    check_folder(folder, order)
    remove_leftovers(folder)
    with paths.replacing(folder / MARKER) as temporary:
        temporary.write_text(json.dumps(dataclasses.asdict(order)), encoding="utf-8")
    rows = plan_rows(order)
    for subset in paths.SUBSETS:
        paths.videos_folder(subset).mkdir(exist_ok=True)
        remove_leftovers(paths.videos_folder(subset), alone=True)
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
    (folder / MARKER).unlink()


def make_clip(task: ClipTask) -> Path:
    """Render one clip. Returns: the file in the place's folder, to be flushed and renamed to its place."""
    made = task.path.with_name(f"{paths.TEMPORARY}made-{task.path.name}")
    rendering.write_clip(task.settings, task.index, task.stalled, made)
    return made
