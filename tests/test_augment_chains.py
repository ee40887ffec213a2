"""The second and the third place's augmentation as a whole: how often, in what order, and what all frames share."""

import json

import numpy as np
import pytest
from grey_volumes import noise_volume
from winners_chains import ALWAYS, BLUR_OR_NOISE, DISTORTIONS, GREY_LEVELS, SECOND_PLACE, THIRD_PLACE

from stagewise.augment import ElasticTransform, Flip, OneOf, Resize, Rotate, RotateQuarters, Transform, Turn, augment
from stagewise.messages.errors import InputError

PER_FRAME = ("TruncatedNoise", "MultiplicativeNoise")
NOISES = (*PER_FRAME, "SharedNoise")


def kind(transform):
    return type(transform).__name__ + (str(transform.axis) if isinstance(transform, Flip) else "")


def applied(monkeypatch, chain, draws):
    """How often each transform of the chain was applied, its children's own counted, in so many draws."""
    counts = {}

    def spy(apply):
        def counted(self, volume, params=None):
            counts[kind(self)] = counts.get(kind(self), 0) + 1
            return volume.copy()

        return counted

    steps = [child for step in chain for child in (step.transforms if isinstance(step, OneOf) else (step,))]
    for own in {type(step) for step in steps}:
        monkeypatch.setattr(own, "apply", spy(own.apply))
    volume, rng = noise_volume((2, 4, 4, 1)), np.random.default_rng(0)
    for _ in range(draws):
        augment(volume, chain, rng)
    return {name: count / draws for name, count in counts.items()}


def test_the_second_places_steps_come_as_often_as_its_sheet_says(monkeypatch):
    expected = {kind(step): 0.5 for step in SECOND_PLACE if not isinstance(step, OneOf)}
    expected |= {kind(child): 0.25 for child in GREY_LEVELS}
    expected |= {kind(child): 0.1 for child in BLUR_OR_NOISE}
    expected |= {kind(child): 1 / 6 for child in DISTORTIONS}
    shares = applied(monkeypatch, SECOND_PLACE, 2000)
    assert set(shares) == set(expected)
    for name, share in shares.items():
        assert abs(share - expected[name]) < 4 * np.sqrt(0.25 / 2000), name


def test_a_quarter_turn_of_the_second_place_is_real_in_three_of_eight_clips():
    volume, rng = noise_volume((1, 6, 6, 1)), np.random.default_rng(0)
    chain = [step for step in SECOND_PLACE if isinstance(step, RotateQuarters)]
    turned = np.mean([not np.array_equal(augment(volume, chain, rng), volume) for _ in range(3000)])
    assert abs(turned - 0.375) < 0.04


def test_the_third_place_turns_a_quarter_of_the_clips_and_flips_a_quarter_each_of_three_kinds_alike():
    volume = noise_volume((2, 6, 6, 3))
    kinds = [volume, *(np.rot90(volume, turns, (1, 2)) for turns in (1, 2, 3))]
    kinds += [volume[:, ::-1], volume[:, :, ::-1], volume[:, ::-1, ::-1]]
    for step, of in ((THIRD_PLACE[0], kinds[1:4]), (THIRD_PLACE[1], kinds[4:])):
        rng, seen = np.random.default_rng(0), np.zeros(4)
        for _ in range(4000):
            result = augment(volume, [step], rng)
            seen[next(number for number, each in enumerate((volume, *of)) if np.array_equal(result, each))] += 1
        np.testing.assert_allclose(seen / 4000, [0.75, 1 / 12, 1 / 12, 1 / 12], atol=0.025)


@pytest.mark.parametrize("transform", [step for step in ALWAYS if kind(step) not in PER_FRAME], ids=kind)
def test_one_draw_serves_all_frames(transform):
    volume = np.repeat(noise_volume((1, 30, 30, 1)), 4, axis=0)
    for seed in range(3):
        result = augment(volume, [transform], np.random.default_rng(seed))
        assert (result == result[0]).all() and len(result) == 4


@pytest.mark.parametrize("transform", [step for step in ALWAYS if kind(step) in PER_FRAME], ids=kind)
def test_noise_of_the_sensor_is_another_one_in_every_frame(transform):
    result = augment(np.full((3, 40, 40, 1), 128, np.uint8), [transform], np.random.default_rng(0))
    flat = result.reshape(3, -1).astype(float)
    assert np.abs(np.corrcoef(flat)[np.triu_indices(3, 1)]).max() < 0.1


EVERY_DEPTH = (*ALWAYS, Resize((4, 9, 9)), Rotate(degrees=(5, 5), p=1), ElasticTransform(deformation=(0.2, 0.2), p=1))


@pytest.mark.parametrize("transform", [step for step in EVERY_DEPTH if kind(step) not in NOISES], ids=kind)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_grey_volume_fares_as_each_channel_of_a_colour_one(transform, dtype):
    volume = noise_volume((4, 30, 30, 3), dtype)
    params = transform.draw(np.random.default_rng(0), volume.shape)
    colour = transform.apply(volume, params)
    for channel in range(3):
        grey = transform.apply(volume[..., channel : channel + 1], params)
        # elastic shifts are sampled by other instructions for 3 channels than for 1
        np.testing.assert_allclose(grey[..., 0], colour[..., channel], atol=1e-3 if dtype == np.float32 else 0)


@pytest.mark.parametrize("transform", ALWAYS, ids=kind)
def test_float32_differs_from_uint8_by_rounding_alone(transform):
    volume = noise_volume((3, 30, 30, 1))
    params = transform.draw(np.random.default_rng(0), volume.shape)
    whole, exact = (transform.apply(volume.astype(dtype), params) for dtype in (np.uint8, np.float32))
    if kind(transform) == "TruncatedNoise":  # drawn from the normal distribution itself
        assert abs((exact - volume).std() - params["std"]) < 0.1 * params["std"]
    else:
        # elastic rounds twice, between its passes too, where places are still the same
        assert np.abs(whole - exact).max() < (1.51 if kind(transform) == "ElasticPlanes" else 1.001)


def test_more_frames_than_an_image_has_channels_pass():
    """OpenCV takes 512 channels at most, and 128 since 5.0: a clip of 520 frames is not one image."""
    volume = np.repeat(noise_volume((1, 12, 12, 1)), 520, axis=0)
    for transform in ALWAYS:
        result = augment(volume, [transform], np.random.default_rng(0))
        assert len(result) == 520
        if kind(transform) not in PER_FRAME:
            assert (result[[128, 129, 511, 512, 519]] == result[0]).all()


def test_the_chain_keeps_size_and_depth_and_replays():
    volume = noise_volume((9, 32, 32, 1))
    first, again, other = (augment(volume, SECOND_PLACE, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert first.shape == volume.shape and first.dtype == np.uint8
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_one_of_hands_its_childs_parameters_on_and_writes_its_children_down():
    class Adds(Transform):
        p = 1

        def __init__(self, number):
            self.number = number

        def draw(self, rng, shape):
            return {"number": self.number, "shape": list(shape)}

        def apply(self, volume, params):
            assert params == {"number": self.number, "shape": [2, 3, 4, 1]}
            return volume + np.uint8(self.number)

        def describe(self):
            return {"transform": "Adds", "number": self.number}

    group = OneOf((Adds(1), Adds(2), Adds(4)), p=0.9)
    volume, rng = np.zeros((2, 3, 4, 1), np.uint8), np.random.default_rng(0)
    results = [augment(volume, [group], rng).max() for _ in range(3000)]
    np.testing.assert_allclose(np.bincount(results, minlength=5) / 3000, [0.1, 0.3, 0.3, 0, 0.3], atol=0.035)
    assert json.loads(json.dumps(group.describe())) == {
        "transform": "OneOf",
        "transforms": [{"transform": "Adds", "number": number} for number in (1, 2, 4)],
        "p": 0.9,
    }


def test_a_group_that_would_not_always_apply_its_choice_is_refused():
    with pytest.raises(InputError, match=r"OneOf: p of each transform in it must be 1, found 0.5 of Flip"):
        OneOf((Flip(axis=0, p=1), Flip(axis=1, p=0.5)), p=0.5)
    with pytest.raises(InputError, match="at least one transform"):
        OneOf((), p=0.5)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turn_is_its_number_of_quarters(quarters):
    volume = noise_volume()
    turned = Turn(quarters=quarters, p=1).apply(volume)
    np.testing.assert_array_equal(turned, np.rot90(volume, quarters, (1, 2)))


def test_no_two_transforms_of_the_chains_are_taken_for_each_other():
    assert len({str(transform.describe()) for transform in ALWAYS}) == len(ALWAYS)
