"""Where every file of the pipeline lives, and the one way in which files are written."""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stagewise.files import writers

SUBSETS, JOINED = ("train", "test"), "joined"  # the second stands for a stage in the tables of several's answers
PACKED = ".lmdb"  # how the names of packed volumes end
INPUT, BUCKET = "STAGEWISE_INPUT", "s3://"  # the setting that says where the videos are; how it names a bucket


def root() -> Path:
    """The folder that holds input/, modified_data/, models/ and subm/: `STAGEWISE_ROOT`, or the repository."""
    return Path(os.environ.get("STAGEWISE_ROOT") or Path(__file__).parents[2]).absolute()


def input_folder() -> Path:
    """The raw competition files."""
    return root() / "input"


def phantom_answers() -> Path:
    """The true answers to the test videos, which phantom data alone has."""
    return input_folder() / "phantom_test_labels.csv"


def videos_folder(subset: str) -> Path:
    """The videos of `train` or `test`: beside the tables, or in the folder that `STAGEWISE_INPUT` names."""
    asked = os.environ.get(INPUT) or BUCKET  # which holds no folder
    return (input_folder() if asked.startswith(BUCKET) else Path(asked).absolute()) / subset


def modified_data_folder() -> Path:
    """Everything computed from the input: volumes, indexes, splits, out-of-fold tables."""
    return root() / "modified_data"


def roi_folder(subset: str) -> Path:
    """The extracted volumes, `<name>.mp4.pklz`, of `train` or `test`."""
    return modified_data_folder() / "roi_parts" / subset


def roi_index(subset: str) -> Path:
    """The extraction's table, a row a video."""
    return modified_data_folder() / "roi_parts" / f"{subset}.csv"


def volume_path(subset: str, filename: str) -> Path:
    """The volume of one video, named after it: `100000.mp4` gives `100000.mp4.pklz`."""
    return roi_folder(subset) / f"{filename}.pklz"


def packed_volumes(folder: Path) -> Path:
    """The one file that may hold all volumes of a folder of them, beside it."""
    return folder.with_name(folder.name + PACKED)


def split_csv(folds: int = 5, seed: int = 42) -> Path:
    """The table of folds; its name tells how it was made."""
    return modified_data_folder() / f"kfold_split_{folds}_{seed}.csv"


def models_folder() -> Path:
    """Weights: the inflated ImageNet file, and a folder a stage."""
    return root() / "models"


def imagenet_weights() -> Path:
    """DenseNet121's ImageNet weights, inflated to 3D."""
    return models_folder() / "imagenet_densenet121_3d.weights.h5"


def fold_folder(stage: str, fold: int) -> Path:
    """Everything that training one fold of one stage writes; no other run writes there."""
    return models_folder() / stage / f"fold_{fold}"


def threshold_json(stage: str) -> Path:
    """The threshold chosen out of fold."""
    return models_folder() / stage / "threshold.json"


def oof_csv(stage: str) -> Path:
    """Out-of-fold probabilities of a stage."""
    return modified_data_folder() / f"{stage}_oof.csv"


def oof_projects_csv(stage: str) -> Path:
    """Scores of each project's clips, out of fold."""
    return modified_data_folder() / f"{stage}_oof_projects.csv"


def submission_folder() -> Path:
    """Answers."""
    return root() / "subm"


def submission_csv() -> Path:
    """The answers as the competition asks for them."""
    return submission_folder() / "submission.csv"


def test_csv(stage: str) -> Path:
    """A probability a test video."""
    return submission_folder() / f"{stage}_test.csv"


def test_detailed_csv(stage: str) -> Path:
    """A probability a test video and fold."""
    return submission_folder() / f"{stage}_test_detailed.csv"


def test_json(stage: str) -> Path:
    """How the test videos were answered."""
    return submission_folder() / f"{stage}_test.json"


def joined_json() -> Path:
    """How several stages' answers were joined into the submission."""
    return submission_folder() / "joined.json"


def shown(path: Path) -> str:
    """The path as a message should show it: relative to the root where it lies inside."""
    path = Path(path).absolute()
    return str(path.relative_to(root())) if path.is_relative_to(root()) else str(path)


def sha256_of(path: Path) -> str:
    """The file's sha256, hexadecimal."""
    with naming(path), Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Put the file's name into an OSError that lacks it, as those of reading and writing an open file do."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise
        reason = os.strerror(error.errno) if error.errno in errno.errorcode else str(error)  # HDF5's takes lines
        raise OSError(error.errno, reason, str(path)) from error


def read_text(path: Path) -> str:
    """A small UTF-8 file's content; an error of reading it names it."""
    with naming(path):
        return path.read_text(encoding="utf-8")


@contextmanager
def replacing(path: Path, durable: bool = True) -> Iterator[Path]:
    """Write a file so that a reader never sees half of it.

    Yields a temporary path in the same folder (made if need be) with the same suffixes, which the caller
    writes; on success it is flushed to the disk and renamed to `path`, on any error it is removed. With `durable` off
    it is for the caller to `flush` the path, and to record the file as whole no sooner.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = writers.temporary(path)
    try:
        with naming(path):
            yield temporary
            finish = put_in_place if durable else Path.replace
            finish(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def put_in_place(written: Path, path: Path) -> None:
    """Give a file that is written to its end the name that it is read by, once all of it is on the disk."""
    with naming(path):
        flush(written)
        written.replace(path)
        _flush_folder(path.parent)


def flush(path: Path) -> None:
    """Return when the file's content is on the disk."""
    with naming(path), Path(path).open("rb+") as written:
        os.fsync(written.fileno())


def _flush_folder(folder: Path) -> None:
    """Bring a rename to the disk, so that after a power cut no later file is there without this one."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems flush no folders
            raise
    finally:
        os.close(descriptor)
