"""Conversion of many DICOM files: parallel, resumable, and never trusting a file that it cannot prove whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stagewise.files import paths, xray_paths
from stagewise.files.journals import Index, why_unread
from stagewise.files.rows import Row
from stagewise.machine.making import make_all
from stagewise.machine.workers import WorkerPool
from stagewise.volumes.grey_images import save_grey
from stagewise.volumes.run_lengths import encoded
from stagewise.xrays.conversion_index import CONVERSION_INDEX
from stagewise.xrays.dicom import DicomError, read_dicom
from stagewise.xrays.dicom_files import list_dicoms
from stagewise.xrays.mask_table import MaskRowsError, MaskTable, Outlines, read_mask_table


@dataclass(frozen=True)
class Conversion:
    """One image to convert; `outlines` are its rows of the mask table, `known` what an earlier run wrote down of it.

    masked: whether it must have such rows, as training images must.
    """

    dicom: Path
    name: str
    image: Path
    mask: Path
    masked: bool
    outlines: Outlines | None = None
    known: Row | None = None

    def made(self, row: Row) -> tuple[Path, ...]:
        """The image, and its mask where it has one."""
        return (self.image, self.mask) if row["mask_sha256"] else (self.image,)

    def __str__(self) -> str:
        return paths.shown(self.dicom)


def plan(subset: str, force: bool = False) -> list[Conversion]:
    """What conversion has to do; with `force` nothing that is there counts. Raises InputError before any work."""
    train = subset == "train"
    table = read_mask_table(xray_paths.mask_table()) if train else MaskTable(Path(), {})
    known = {} if force else index_of(subset).known_rows()
    return [
        Conversion(
            path,
            name,
            xray_paths.image_path(subset, name),
            xray_paths.mask_path(name),
            train,
            table.images.get(name),
            known.get(name),
        )
        for name, path in list_dicoms(subset).items()
    ]


def convert_subset(subset: str, workers: int, force: bool = False) -> Sequence[Row]:
    """Convert every file of `train` or `test`, and write the index.

    Returns: the index's rows, those with status "quarantined" among them; the same for any number of workers.
    Raises BusyError where another process converts the subset, StagewiseError if a worker dies.
    """
    index, folders = index_of(subset), [xray_paths.images_folder(subset)]
    folders += [xray_paths.masks_folder()] if subset == "train" else []
    with index.journaling(*folders) as journal, WorkerPool(workers) as pool:
        rows = make_all(plan(subset, force), convert, journal, pool, (f"converting {subset}", "images"))
        index.write(rows)
    return rows


def index_of(subset: str) -> Index:
    """The table of the subset's images, and its journal."""
    return Index(xray_paths.index(subset), CONVERSION_INDEX, f"the conversion of {subset}")


def convert(task: Conversion) -> Row:
    """Make one image and its mask, or keep whole ones of the files that are there; a bad file leaves none.

    The files may not be on the disk yet. Raises OSError where more than this one file cannot be read or written.
    """
    blank = dict.fromkeys(CONVERSION_INDEX, "") | {"filename": task.name, "height": "0", "width": "0"}
    blank |= {"mask_pixels": "0", "dicom_bytes": "0"}
    try:
        with paths.naming(task.dicom):
            if task.known and _is_whole(task):
                return task.known
            _remove(task)
            dicom_bytes = task.dicom.stat().st_size
            xray = read_dicom(task.dicom)
        mask = _mask(task, xray.grey.shape)
    except (DicomError, MaskRowsError) as error:
        reason = error.reason if isinstance(error, DicomError) else str(error)
    except OSError as error:
        reason = why_unread(error, task.dicom)
        _remove(task)
    else:
        found = zip(("height", "width"), map(str, xray.grey.shape), strict=True)
        row = blank | dict(found) | {"photometric": xray.photometric, "dicom_bytes": str(dicom_bytes)}
        return row | {"sha256": save_grey(task.image, xray.grey, durable=False)} | _saved(task, mask) | {"status": "ok"}
    return blank | {"status": "quarantined", "reason": " ".join(reason.split())}


def _mask(task: Conversion, shape: tuple[int, int]) -> np.ndarray | None:
    """The mask, None where the image is of the test set; MaskRowsError where it cannot be had."""
    if not task.masked:
        return None
    if task.outlines is None:
        raise MaskRowsError(f"no row in {paths.shown(xray_paths.mask_table())}, so nobody knows whether it has a mask")
    mask, _ = task.outlines.mask(shape)
    if len(task.outlines.texts) == 1 and encoded(mask).split() != task.outlines.texts[0].split():
        raise MaskRowsError(f"line {task.outlines.lines[0]} of the mask table is not written again as it was read")
    return mask


def _saved(task: Conversion, mask: np.ndarray | None) -> Row:
    """The mask's part of the row; only one with pixels has a file."""
    if mask is None:
        return {}
    pixels = int(np.count_nonzero(mask))
    sha256 = save_grey(task.mask, mask, durable=False) if pixels else ""
    return {"mask_pixels": str(pixels), "mask_sha256": sha256, "rle_sha256": task.outlines.sha256}


def _remove(task: Conversion) -> None:
    task.image.unlink(missing_ok=True)
    if task.masked:
        task.mask.unlink(missing_ok=True)


def _is_whole(task: Conversion) -> bool:
    """Whether image and mask are as recorded, and of the file and the rows that are there.

    A file that was moved or copied here in place of another one may be older than the image, but has another size.
    """
    known, dicom = task.known, task.dicom.stat()
    rows = task.outlines.sha256 if task.outlines else ""
    if known["status"] != "ok" or known["dicom_bytes"] != str(dicom.st_size) or known["rle_sha256"] != rows:
        return False
    if not task.image.exists() or task.image.stat().st_mtime < dicom.st_mtime:
        return False
    whole = paths.sha256_of(task.image) == known["sha256"]
    if not known["mask_sha256"]:
        return whole and not (task.masked and task.mask.exists())
    return whole and task.mask.exists() and paths.sha256_of(task.mask) == known["mask_sha256"]
