"""Probabilities of an image on disk: exact enough, whole or refused, and one at a time."""

import tracemalloc

import numpy as np
import pytest

from stagewise.messages.errors import InputError
from stagewise.recipes.blends import Blend
from stagewise.recipes.mask_rules import Doublet, above
from stagewise.volumes.grey_png import grey_png
from stagewise.volumes.probability_images import (
    LEVELS,
    image_in,
    load_probabilities,
    probabilities_of,
    save_probabilities,
)
from stagewise.xrays.finished_masks import blended

PROBABILITIES = np.random.default_rng(0).random((40, 56), np.float32)
MEND = "run: r42"


@pytest.fixture
def image(root):
    path = root / "stage_test" / "one.png"
    save_probabilities(path, PROBABILITIES)
    return path


def test_a_probability_is_rounded_up_by_less_than_a_step(image):
    loaded = load_probabilities(image, MEND)
    assert loaded.dtype == np.float32
    moved = loaded.astype(float) - PROBABILITIES
    assert moved.min() >= 0 and moved.max() < 1 / 65000 + 1e-7
    save_probabilities(image, loaded)
    assert np.array_equal(load_probabilities(image, MEND), loaded)


def test_every_step_stays_what_it_is(root):
    every = np.resize(LEVELS, (256, 256))
    save_probabilities(root / "all.png", every)
    assert np.array_equal(load_probabilities(root / "all.png", MEND), every)
    assert (LEVELS[0], LEVELS[-1]) == (0, 1)


def test_a_mask_is_the_same_from_disk_for_any_threshold_of_three_decimals(root):
    thresholds = np.arange(1, 1000) / 1000
    at = thresholds.astype(np.float32)
    beside = np.stack([np.nextafter(at, np.float32(0)), at, np.nextafter(at, np.float32(1))])
    save_probabilities(root / "beside.png", beside)
    stored = load_probabilities(root / "beside.png", MEND)
    for place, threshold in enumerate(thresholds.tolist()):
        assert np.array_equal(above(stored, threshold), above(beside, threshold))
        assert above(stored, threshold)[:, place].tolist() == [False, False, True]


@pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
def test_a_file_that_is_cut_off_is_refused_by_name(image, part):
    content = image.read_bytes()
    image.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(InputError, match=r"stage_test/one\.png: ends before its last chunk \(truncated\); run: r42"):
        load_probabilities(image, MEND)


def test_no_flipped_bit_gives_other_probabilities(image):
    content, whole = image.read_bytes(), load_probabilities(image, MEND)
    generator = np.random.default_rng(1)
    for place in generator.integers(0, len(content), 300):
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(generator.integers(8))
        image.write_bytes(damaged)
        try:
            assert np.array_equal(load_probabilities(image, MEND), whole)
        except InputError:
            continue


@pytest.mark.parametrize("pixels", [np.zeros((4, 4), np.uint8), np.full((4, 4), 65001, np.uint16)])
def test_a_picture_of_something_else_is_refused(image, pixels):
    image.write_bytes(grey_png(pixels))
    with pytest.raises(InputError, match=r"is not grey of 16 bits|holds 65001, where 65000 is a probability of 1"):
        load_probabilities(image, MEND)


@pytest.mark.parametrize(
    "probabilities", [PROBABILITIES.astype(float), PROBABILITIES * 2, PROBABILITIES * np.float32("nan"), -PROBABILITIES]
)
def test_what_are_no_probabilities_is_not_written(root, probabilities):
    with pytest.raises(ValueError, match="probabilities"):
        save_probabilities(root / "one.png", probabilities)
    assert not list(root.iterdir())


def test_a_missing_image_is_told_before_any_is_read(image):
    with pytest.raises(InputError, match=r"two\.png nor those of 1 more images; run: r42"):
        probabilities_of(image.parent, ["one", "two", "three"], MEND)
    with pytest.raises(InputError, match=r"other\.png: is not there; run: r42"):
        load_probabilities(image_in(image.parent, "other"), MEND)


def test_a_blend_reads_one_image_at_a_time_and_needs_every_part(root):
    generator, side, names = np.random.default_rng(3), 256, [f"image_{number}" for number in range(12)]
    folders, kept = {part: root / f"{part}_test" for part in ("seunet", "resnet50")}, {}
    for part, name in ((part, name) for part in folders for name in names):
        kept[part, name] = generator.random((side, side), np.float32)
        save_probabilities(image_in(folders[part], name), kept[part, name])
    blend = Blend({"seunet": 0.75, "resnet50": 0.25}, Doublet(0.5))
    mend = {part: f"run: {part}'s r42" for part in folders}
    peaks = []
    for some in (names[:3], names):
        tracemalloc.start()
        for name, mean in zip(some, blended(blend, folders, some, mend), strict=True):
            assert np.abs(mean - (0.75 * kept["seunet", name] + 0.25 * kept["resnet50", name])).max() < 2e-5
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]
    image_in(folders["resnet50"], names[5]).unlink()
    with pytest.raises(InputError, match=r"resnet50_test/image_5\.png; run: resnet50's r42"):
        blended(blend, folders, names, mend)
    with pytest.raises(ValueError, match="a blend of seunet, resnet50 cannot be made of seunet, resnet"):
        blended(blend, {"seunet": root, "resnet": root}, names, mend)
