"""Phantom chest X-rays: the competition's files and tables, the answer in pockets of air alone, the same any time."""

import csv
import dataclasses
import subprocess
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest
from conftest import real_file
from pydicom.pixels import apply_rescale, apply_windowing
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from stagewise.files import paths, xray_paths
from stagewise.messages.errors import InputError
from stagewise.phantom import begun, chest_dataset, chest_files, chest_image, chest_plan, pneumothorax
from stagewise.phantom.chest_anatomy import draw_chest
from stagewise.volumes.run_lengths import decoded

SCRIPT = Path(__file__).parents[1] / "pneumothorax" / "r00_make_phantom.py"
SMALL = chest_dataset.Order(train=8, test=4, positive_share=0.5, side=128, seed=8)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def shown(path: Path) -> np.ndarray:
    """The film as a viewer shows it: (H, W) float64 of 0-1, by pydicom's own functions, 1 is white."""
    film = pydicom.dcmread(path)
    values = apply_rescale(film.pixel_array, film)
    low, high = 0, 2**film.BitsStored - 1
    if "WindowCenter" in film:
        values = apply_windowing(values, film)
        slope, intercept = film.get("RescaleSlope", 1), film.get("RescaleIntercept", 0)
        low, high = slope * low + intercept, slope * high + intercept  # pydicom spreads a window over all values
    share = (values - float(low)) / float(high - low)
    return 1 - share if film.PhotometricInterpretation == "MONOCHROME1" else share


def rows(table: Path) -> dict[str, list[str]]:
    objects = defaultdict(list)
    with table.open(newline="") as stream:
        for row in csv.DictReader(stream):
            objects[row["ImageId"]].append(row["EncodedPixels"])
    return objects


@pytest.fixture(scope="module")
def small_set(tmp_path_factory):
    """The folder of a small data set, made without worker processes."""
    folder = tmp_path_factory.mktemp("chests")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STAGEWISE_ROOT", str(folder))
        chest_dataset.make(SMALL, workers=0)
    return folder / "input" / "xrays"


def test_tables_are_the_competitions_and_hold_the_order(small_set):
    for subset, table, count in (("train", "train-rle.csv", 8), ("test", "phantom_test_rle.csv", 4)):
        assert (small_set / table).read_text().startswith("ImageId,EncodedPixels\n")
        objects = rows(small_set / table)
        files = sorted(path.stem for path in (small_set / subset).rglob("*.dcm"))
        assert files == sorted(objects)
        assert sum(texts != ["-1"] for texts in objects.values()) == count / 2
    assert set(map(tuple, rows(small_set / "sample_submission.csv").values())) == {("-1",)}
    assert list(rows(small_set / "sample_submission.csv")) == list(rows(small_set / "phantom_test_rle.csv"))


def test_files_have_the_real_ones_tags(small_set):
    name = "siim/1.2.276.0.7230010.3.1.4.8323329.6904.1517875201.850819.dcm"
    real = pydicom.dcmread(real_file(name))
    for path in small_set.rglob("*.dcm"):
        made = pydicom.dcmread(path)
        lossy = {"LossyImageCompression", "LossyImageCompressionMethod"}
        assert set(real.dir()) - set(made.dir()) <= lossy
        for tag in ("Modality", "ConversionType", "SOPClassUID", "BodyPartExamined", "SamplesPerPixel"):
            assert made[tag].value == real[tag].value
        assert made.SOPInstanceUID == made.file_meta.MediaStorageSOPInstanceUID == path.stem
        assert path.parent.name == made.SeriesInstanceUID
        assert path.parents[1].name == made.StudyInstanceUID
        assert made.PixelSpacing[0] * made.Rows == pytest.approx(real.PixelSpacing[0] * real.Rows)  # the same chest


def test_run_lengths_are_the_masks_that_were_drawn(small_set):
    tables = {"train": rows(small_set / "train-rle.csv"), "test": rows(small_set / "phantom_test_rle.csv")}
    for task in chest_dataset.plan_tasks(SMALL):
        masks = chest_plan.masks(chest_plan.plan_film(SMALL.seed, task.index, task.positive), SMALL.side)
        texts = tables[task.subset][task.names.image]
        assert len(texts) == max(len(masks), 1)
        for text, mask in zip(texts, masks, strict=False):
            np.testing.assert_array_equal(decoded(text, mask.shape), mask)


def test_files_show_what_was_drawn(small_set, monkeypatch):
    monkeypatch.setenv("STAGEWISE_ROOT", str(small_set.parents[1]))
    for task in chest_dataset.plan_tasks(SMALL):
        plan = chest_plan.plan_film(SMALL.seed, task.index, task.positive)
        picture = chest_image.draw_image(plan, SMALL.side, SMALL.seed, task.index)
        assert np.abs(shown(task.path) - picture).mean() < 0.01


def test_worker_processes_change_no_byte(small_set, root):
    chest_dataset.make(SMALL, workers=2)
    assert contents(root / "input" / "xrays") == contents(small_set)


@pytest.mark.slow
def test_an_interrupted_run_goes_on_and_ends_the_same(small_set, root, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(chest_dataset, "_write_tables", interrupt)
        chest_dataset.make(SMALL, workers=0)
    folder = root / "input" / "xrays"
    assert (folder / begun.MARKER).exists()
    assert not list(folder.glob("*.csv"))
    next(folder.rglob("*.dcm")).unlink()
    with pytest.raises(InputError, match=r"unfinished.*start over: rm -r"):
        chest_dataset.make(dataclasses.replace(SMALL, seed=9), workers=0)
    chest_dataset.make(SMALL, workers=0)
    assert contents(folder) == contents(small_set)


def test_a_folder_with_files_is_refused_and_left_alone(root):
    table = xray_paths.mask_table()
    table.parent.mkdir(parents=True)
    table.write_text("mine")
    with pytest.raises(InputError, match=r"input/xrays is not empty .*train-rle.csv"):
        chest_dataset.make(SMALL, workers=0)
    assert contents(root) == {"input/xrays/train-rle.csv": b"mine"}


@pytest.mark.parametrize(
    ("options", "code"),
    [(["--train", "0"], 2), (["--positive-share", "1.5"], 2), (["--side", "33"], 2), (["--dry-run"], 0)],
)
def test_the_script_checks_its_arguments_and_writes_nothing(root, options, code):
    done = subprocess.run([sys.executable, str(SCRIPT), *options], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert not list(root.iterdir())


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize(
    ("syntax", "bits", "span", "rescale"),
    [
        (JPEGBaseline8Bit, 8, None, None),
        (ExplicitVRLittleEndian, 8, None, None),
        (ImplicitVRLittleEndian, 8, None, None),
        (ExplicitVRLittleEndian, 10, None, None),
        (ImplicitVRLittleEndian, 12, (300, 3000), None),
        (ExplicitVRLittleEndian, 16, None, None),
        (ExplicitVRLittleEndian, 12, (100, 4000), (1.0, -2048.0)),
    ],
)
def test_every_encoding_shows_the_same_picture(tmp_path, syntax, bits, span, rescale, inverted):
    side = 65  # uncompressed pixels of an odd number of bytes are padded
    picture = cv2.resize(np.random.default_rng(0).random((9, 9), np.float32), (side, side))
    names = chest_files.draw_names(np.random.default_rng(1))
    encoding = chest_files.Encoding(syntax, bits, inverted, span, rescale)
    chest_files.write_film(tmp_path / "film.dcm", picture, encoding, names, chest_files.Facts("PA", "F", 61))
    film = pydicom.dcmread(tmp_path / "film.dcm")
    assert film.file_meta.TransferSyntaxUID == syntax
    assert (film.BitsStored, film.BitsAllocated, film.HighBit) == (bits, 8 if bits == 8 else 16, bits - 1)
    assert film.PhotometricInterpretation == ("MONOCHROME1" if inverted else "MONOCHROME2")
    error = np.abs(shown(tmp_path / "film.dcm") - picture)
    assert error.max() < (0.04 if syntax == JPEGBaseline8Bit else 0.5 / 255 + 0.001)


def test_films_are_stored_in_many_ways_mostly_as_jpeg():
    drawn = [chest_files.draw_encoding(np.random.default_rng([1, index])) for index in range(2000)]
    assert {way.syntax for way in drawn} == set(chest_files.SYNTAXES)
    assert {way.bits for way in drawn} == {8, 10, 12, 16}
    assert not any(way.syntax == JPEGBaseline8Bit and way.bits > 8 for way in drawn)
    assert all(way.span for way in drawn if way.bits > 8)
    assert np.mean([way.syntax == JPEGBaseline8Bit for way in drawn]) == pytest.approx(0.74, abs=0.04)
    assert np.mean([way.inverted for way in drawn]) == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize("index", range(4))
def test_the_answer_decides_nothing_but_the_pockets(index):
    plans = [chest_plan.plan_film(5, index, positive) for positive in (False, True)]
    negative, positive = (chest_image.Drawing(plan, 512, np.random.default_rng(index)).grey() for plan in plans)
    assert not plans[0].pockets
    mask = np.max(chest_plan.masks(plans[1], 512), axis=0)
    around = cv2.dilate(mask, np.ones((25, 25)))
    np.testing.assert_array_equal(negative[around == 0], positive[around == 0])
    changed = positive[mask > 0] - negative[mask > 0]
    assert np.abs(changed).max() > 0.02
    exposed = chest_image.with_levels_of(negative, positive)
    np.testing.assert_array_equal(np.sort(exposed, axis=None), np.sort(negative, axis=None))
    assert np.corrcoef(exposed.ravel(), positive.ravel())[0, 1] > 0.99  # the same picture


def test_air_is_darker_and_has_no_vessels_and_ends_in_a_bright_line():
    darker, plainer, brighter = [], [], []
    for index in range(12):
        plans = [chest_plan.plan_film(6, index, positive) for positive in (False, True)]
        if plans[1].lookalikes.bare or plans[1].film.tubes:
            continue
        before, after = (chest_image.Drawing(plan, 512, np.random.default_rng(0)) for plan in plans)
        inside = cv2.erode(after.air, np.ones((7, 7))) == 255
        edges = after.strokes([pocket.edge for pocket in plans[1].pockets], 255, 1) > 200
        if inside.sum() > 200:
            darker.append((after.lung_depth() - before.lung_depth())[inside].mean())
            plainer.append(after.lung_inside()[inside].max())
            brighter.append((after.lines() - before.lines())[edges].mean())
    assert len(darker) >= 4
    assert min(darker) > 0.1
    assert max(plainer) < 0.01
    assert min(brighter) > 0.05


@pytest.mark.slow
def test_global_grey_levels_do_not_tell_who_has_a_pneumothorax():
    labels = np.arange(120) % 2

    def measure(index: int) -> np.ndarray:
        plan = chest_plan.plan_film(7, index, bool(labels[index]))
        film = chest_image.draw_image(plan, 128, 7, index)
        levels, counts = np.quantile(film, np.linspace(0, 1, 21)), np.histogram(film, 16, (0, 1))[0]
        return np.array([film.mean(), film.std(), *levels, *counts])

    with ThreadPoolExecutor(2) as pool:
        measures = np.array(list(pool.map(measure, range(len(labels)))))
    boosting = HistGradientBoostingClassifier(max_iter=40, max_leaf_nodes=8, min_samples_leaf=10, random_state=0)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    for model in (boosting, make_pipeline(StandardScaler(), LogisticRegression(C=0.1))):
        with threadpool_limits(1):
            answers = cross_val_predict(model, measures, labels, cv=folds, method="predict_proba")[:, 1]
        assert roc_auc_score(labels, answers) < 0.65
    for column in measures.T:
        assert abs(roc_auc_score(labels, column) - 0.5) < 0.15


def test_areas_and_objects_follow_the_real_ones():
    areas, counts, overlaps = [], [], 0
    chests = [draw_chest(np.random.default_rng([3, 1, index])) for index in range(20)]
    for index in range(400):
        pockets = pneumothorax.draw_pockets(np.random.default_rng([3, 5, index]), chests[index % 20].lungs, least=0)
        masks = [chest_plan.filled([pocket.outline], 512) > 0 for pocket in pockets]
        areas.append(4 * np.any(masks, axis=0).sum())  # in pixels of 1024 x 1024
        counts.append(len(masks))
        overlaps += sum(map(np.sum, masks)) > areas[-1] / 4
    levels = dict(zip(pneumothorax.AREA_LEVELS, pneumothorax.AREAS, strict=True))
    for level in (0.25, 0.5, 0.75, 0.95):
        assert np.quantile(areas, level) == pytest.approx(levels[level], rel=0.3), level
    assert min(areas) < 2000
    assert max(areas) > 60_000
    assert np.mean(np.array(counts) == 1) == pytest.approx(0.766, abs=0.08)
    assert overlaps > 3


def test_shares_follow_the_order():
    order = chest_dataset.Order(train=300, test=100, positive_share=0.22, side=128, seed=0)
    tasks = chest_dataset.plan_tasks(order)
    for subset, count in zip(paths.SUBSETS, (300, 100), strict=True):
        labels = [task.positive for task in tasks if task.subset == subset]
        assert (len(labels), sum(labels)) == (count, round(0.22 * count))
    names = [task.names.image for task in tasks]
    assert len(set(names)) == 400
    ranks = np.argsort(np.argsort(names))
    assert abs(roc_auc_score([task.positive for task in tasks], ranks) - 0.5) < 0.12  # nor do names tell
