"""Our transforms against albumentations 0.4.6, the library of the second place: same parameters in, same pixels out.

What that library made of them is recorded by tests/oracles/planes_of_albumentations.py, in an environment with OpenCV
4.7. All agree to the bit.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from winners_chains import ALWAYS, WITH_MASKS

RECORD = np.load(Path(__file__).parent / "oracles" / "planes_of_albumentations.npz")
CASES = json.loads(str(RECORD["cases"]))
OURS = {json.dumps(transform.describe()): transform for transform in ALWAYS}


def name(case):
    return f"{case['transform']['transform']}-{case['volume']}"


def test_every_transform_of_the_chains_is_recorded():
    assert {json.dumps(case["transform"]) for case in CASES} == set(OURS)


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda number: name(CASES[number]))
def test_same_parameters_same_pixels(number):
    case = CASES[number]
    volume = RECORD[case["volume"]][..., np.newaxis]
    ours = OURS[json.dumps(case["transform"])].apply(volume, case["params"])
    theirs = RECORD[str(number)][..., np.newaxis]
    identity = case["params"].get("turns") == 0
    assert identity or ours.shape != volume.shape or (ours != volume).mean() > 0.2  # the parameters show
    np.testing.assert_array_equal(ours, theirs)


MASKS = np.load(Path(__file__).parent / "oracles" / "masks_of_albumentations.npz")
MASK_CASES = json.loads(str(MASKS["cases"]))
MOVED = {json.dumps(transform.describe()): transform for transform in WITH_MASKS}


@pytest.mark.parametrize(
    "number", range(len(MASK_CASES)), ids=lambda number: MASK_CASES[number]["transform"]["transform"]
)
def test_an_image_moves_to_the_bit_as_theirs_does_and_its_mask_but_for_rounding_at_its_outline(number):
    case = MASK_CASES[number]
    ours = MOVED[json.dumps(case["transform"])]
    image, mask = (MASKS[name][np.newaxis, ..., np.newaxis] for name in ("image", "mask"))
    np.testing.assert_array_equal(ours.apply(image, case["params"])[0, ..., 0], MASKS[f"{number}_image"])
    # theirs takes the nearest pixel of the place itself, ours of the grid of 1/32 that the image's places lie on
    unlike = ours.apply_to_mask(mask, case["params"])[0, ..., 0] != MASKS[f"{number}_mask"]
    assert unlike.mean() < 0.01
