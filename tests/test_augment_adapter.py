"""Another package's transform inside a recipe: as pure as ours."""

import json
import random

import numpy as np
import pytest
from grey_volumes import noise_volume

from stagewise.augment import FromVolumentations, augment
from stagewise.messages.errors import NumericalError


class Brighten:
    """Stands for a volumentations transform: the same call, and chance from both global generators."""

    def __init__(self, most=40, broken=False):
        self.most, self.broken = most, broken

    def __call__(self, force_apply, targets, **data):
        assert force_apply is True and "image" in targets[0] and data["image"].dtype == np.float32
        added = random.uniform(0, self.most) + np.random.normal(size=data["image"].shape)  # noqa: NPY002
        return {"image": (data["image"] + added) / (0 if self.broken else 1)}


def test_a_wrapped_transform_is_a_pure_function_that_leaves_the_global_generators_alone():
    wrapped = FromVolumentations(Brighten(), p=1)
    results = []
    for outer_seed, seed in ((3, 1), (4, 1), (5, 2)):
        random.seed(outer_seed)
        np.random.seed(outer_seed)  # noqa: NPY002
        python_state, numpy_state = random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
        results.append(augment(noise_volume(), [wrapped], np.random.default_rng(seed)))
        assert random.getstate() == python_state
        np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
    np.testing.assert_array_equal(results[0], results[1])
    assert not np.array_equal(results[0], results[2])
    assert results[0].dtype == np.uint8 and (results[0][noise_volume() > 250] > 245).all()  # clipped, not wrapped


def test_a_wrapped_transform_that_fails_says_so_and_restores_the_generators():
    before = random.getstate()
    with pytest.raises(NumericalError, match=r"Brighten\(most=40, broken=True\)"), np.errstate(divide="ignore"):
        augment(noise_volume(), [FromVolumentations(Brighten(broken=True), p=1)], np.random.default_rng(0))
    assert random.getstate() == before
    assert json.loads(json.dumps(FromVolumentations(Brighten(), p=0.5).describe())) == {
        "transform": "FromVolumentations",
        "wrapped": "Brighten(most=40, broken=False)",
        "p": 0.5,
    }
