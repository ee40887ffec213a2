"""What reads whole tables, step by step: each function imports what the step needs, and returns the step itself."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
from made_tables import SEED, STALLED

from stagewise.files import paths


def known_rows() -> Callable[[], object]:
    """r01 going on: what the index says of every video."""
    from stagewise.crops.extraction import index_of

    return lambda: index_of("train").known_rows()


def rows() -> Callable[[], object]:
    """r01's row of every video, noted in the journal, and the index of them, as if all volumes had been whole."""
    from stagewise.crops.extraction import Plan, index_of
    from stagewise.machine.making import make_all
    from stagewise.machine.workers import WorkerPool

    def work() -> None:
        index, known = index_of("train"), index_of("train").known_rows()
        tasks = Plan("train", [paths.videos_folder("train") / name for name in known], known, ())
        with index.journaling() as journal, WorkerPool(0) as pool:
            index.write(make_all(tasks, lambda task: task.known, journal, pool, ("keeping train", "videos")))

    return work


def index() -> Callable[[], object]:
    """The index as r02, r03, r05 and the report read it."""
    from stagewise.data.tables import read_roi_index

    return lambda: read_roi_index(paths.roi_index("train"))


def checks() -> Callable[[], object]:
    """r02's checks, which look at each volume as if it had been read, and was whole."""
    from stagewise.checks import verification, volume_checks
    from stagewise.volumes.pklz import Examined

    volume_checks._look = lambda check: (Examined("", float(check.expected.size[1])), None)
    return lambda: verification.verify(None, workers=0)


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
    from stagewise.data.tables import KNOWN, read_roi_index
    from stagewise.recipes.d121 import D121
    from stagewise.report import rows
    from stagewise.report.evidence import INDEX

    def work() -> None:
        read = read_split(None, KNOWN)
        projects = projects_of(read)
        indexes = {subset: read_roi_index(paths.roi_index(subset), INDEX) for subset in paths.SUBSETS}
        rows.of_data(SimpleNamespace(split=read, projects=projects, indexes=indexes, recipe=D121))
        chance = np.random.default_rng(SEED).random(len(projects))
        table = read.table[["filename", "stalled", "fold"]].assign(probability=chance).merge(projects, on="filename")
        for by in ("project_id", "fold"):
            rows._records(score_projects(table, 0.5, by))
        sharing(table)

    return work


STEPS = {  # name, what prepares it; the split is read by those behind it
    "r01 going on: the index's rows": known_rows,
    "r01: a row of every video, and the index": rows,
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
