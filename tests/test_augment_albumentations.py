"""Our transforms against albumentations 0.4.6, the library of the second place: same parameters in, same pixels out.

What that library made of them is recorded by tests/oracles/planes_of_albumentations.py, in an environment with OpenCV
4.7. All agree to the bit.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from winners_chains import ALWAYS

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
