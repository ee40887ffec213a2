"""A whole phantom competition of chest X-rays: which film is train or test, which is positive, and the making."""

import csv
import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stagewise.files import paths, writers, xray_paths
from stagewise.files.leftovers import remove_leftovers
from stagewise.machine.workers import WorkerPool
from stagewise.messages.progress import progress
from stagewise.phantom import begun, chest_files, chest_image, chest_plan
from stagewise.volumes.run_lengths import encoded

COLUMNS = ("ImageId", "EncodedPixels")
NONE = "-1"  # a film without a pneumothorax


@dataclass(frozen=True)
class Order:
    """What is to be made: counts of films, the share of 0-1 with a pneumothorax, and the films' side in pixels.

    least_area: as for `plan_film`.
    """

    train: int
    test: int
    positive_share: float
    side: int
    seed: int
    least_area: int = 0


@dataclass(frozen=True)
class FilmTask:
    """One film to make; `path` is where it goes."""

    order: Order
    index: int
    subset: str
    positive: bool
    names: chest_files.Names

    @property
    def path(self) -> Path:
        """The competition's own depth: a study, a series, a film."""
        folder = xray_paths.dicom_folder(self.subset) / self.names.study / self.names.series
        return folder / f"{self.names.image}.dcm"

    def __str__(self) -> str:
        return paths.shown(self.path)


def plan_tasks(order: Order) -> list[FilmTask]:
    """All films, those of train first; in either the same share is positive."""
    rng = np.random.default_rng([order.seed, 0])
    tasks: list[FilmTask] = []
    for subset, count in zip(paths.SUBSETS, (order.train, order.test), strict=True):
        positive = rng.permutation(count) < round(order.positive_share * count)
        tasks += [_task(order, len(tasks) + number, subset, bool(positive[number])) for number in range(count)]
    return tasks


def _task(order: Order, index: int, subset: str, positive: bool) -> FilmTask:
    names = chest_files.draw_names(np.random.default_rng([order.seed, 7, index]))
    return FilmTask(order, index, subset, positive, names)


def check_folder(order: Order) -> None:
    """Refuse an input/xrays that is neither empty nor holds an interrupted run of the same order (InputError)."""
    begun.check_folder(xray_paths.mask_table().parent, dataclasses.asdict(order), "pneumothorax/r01_convert_dicom.py")


def make(order: Order, workers: int) -> None:
    """Make the data set in input/xrays, or finish one that was interrupted; the same bytes for any number of workers.

    Raises InputError as `check_folder` does.
    """
    check_folder(order)
    folder = xray_paths.mask_table().parent
    remove_leftovers(folder)
    with begun.unfinished(folder, dataclasses.asdict(order)):
        tasks = plan_tasks(order)
        _write_tables(tasks, _make_films(tasks, workers))


def _make_films(tasks: list[FilmTask], workers: int) -> list[list[str]]:
    """Make what is missing. Returns: the run lengths of each film's objects."""
    for subset in paths.SUBSETS:
        xray_paths.dicom_folder(subset).mkdir(exist_ok=True)
        remove_leftovers(xray_paths.dicom_folder(subset))
    objects = []
    with WorkerPool(workers) as pool, progress(len(tasks), "making the phantom", "films") as line:
        for task, (film_file, run_lengths) in pool.in_order(make_film, tasks):
            if film_file:
                task.path.parent.mkdir(parents=True, exist_ok=True)
                remove_leftovers(task.path.parent)
                with paths.replacing(task.path) as temporary:
                    film_file.replace(temporary)
            objects.append(run_lengths)
            line.advance()
    return objects


def make_film(task: FilmTask) -> tuple[Path | None, list[str]]:
    """Draw one film. Returns: its file, to be moved to its place, None where that has one; its objects' run lengths."""
    seed, side = task.order.seed, task.order.side
    plan = chest_plan.plan_film(seed, task.index, task.positive, task.order.least_area)
    run_lengths = [encoded(mask) for mask in chest_plan.masks(plan, side)]
    if task.path.exists():
        return None, run_lengths
    made = writers.temporary(xray_paths.dicom_folder(task.subset) / task.path.name)
    rng = np.random.default_rng([seed, 8, task.index])
    facts = chest_files.Facts(plan.film.view, str(rng.choice(("M", "F"))), int(rng.integers(18, 90)))
    picture = chest_image.draw_image(plan, side, seed, task.index)
    chest_files.write_film(made, picture, chest_files.draw_encoding(rng), task.names, facts)
    return made, run_lengths


def _write_tables(tasks: list[FilmTask], objects: list[list[str]]) -> None:
    """The three tables, `train-rle.csv` last; a row an object."""
    rows = {subset: [] for subset in paths.SUBSETS}
    for task, run_lengths in zip(tasks, objects, strict=True):
        rows[task.subset] += [(task.names.image, text) for text in run_lengths or [NONE]]
    _write(xray_paths.sample_submission(), [(task.names.image, NONE) for task in tasks if task.subset == "test"])
    _write(xray_paths.phantom_answers(), rows["test"])
    _write(xray_paths.mask_table(), rows["train"])


def _write(path: Path, rows: Iterable[tuple[str, str]]) -> None:
    with paths.replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)
