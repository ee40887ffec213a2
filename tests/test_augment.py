"""What augmentation promises: pure, replayable, in range, every transform by its own chance."""

import json
from dataclasses import FrozenInstanceError, replace

import cv2
import numpy as np
import pytest
from conftest import real_file
from grey_volumes import noise_volume
from winners_chains import ALWAYS, SECOND_PLACE, THIRD_PLACE

from stagewise.augment import (
    BoxBlur,
    BrightnessContrast,
    Channel,
    DropPlanes,
    ElasticPlanes,
    ElasticTransform,
    Flip,
    FromVolumentations,
    GaussianBlur,
    GaussianNoise,
    GridDistortion,
    MultiplicativeNoise,
    OpticalDistortion,
    PercentGamma,
    RandomCropFromBorders,
    RandomGamma,
    Resize,
    ResizePlanes,
    Rotate,
    RotateQuarters,
    SharedNoise,
    ShiftScaleRotate,
    Transform,
    TruncatedNoise,
    Turn,
    augment,
)
from stagewise.messages.errors import InputError
from stagewise.recipes.d121 import AUGMENTATION, AUGMENTATION_DROPPED_PLANES

EVERY = (
    Rotate(degrees=(-10.0, 10.0), p=1),
    ElasticTransform(deformation=(0.05, 0.25), p=1),
    RandomCropFromBorders(share=0.3, p=1),
    DropPlanes(share=0.3, p=1),
    Resize((8, 24, 16)),
    Flip(axis=0, p=1),
    Flip(axis=1, p=1),
    Flip(axis=2, p=1),
    RotateQuarters(p=1),
    GaussianNoise(std=(1.0, 5.0), p=1),
    RandomGamma(gamma=(0.5, 1.5), p=1),
)

ALL = (*EVERY, *ALWAYS, Channel(2), *(replace(step, p=1) for step in (*SECOND_PLACE[3:6], *THIRD_PLACE)))


def by_name(transform):
    return type(transform).__name__ + (str(transform.axis) if isinstance(transform, Flip) else "")


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("transform", ALL, ids=by_name)
def test_apply_is_pure_and_replays(transform, dtype):
    volume = noise_volume(dtype=dtype)
    before = volume.copy()
    params = transform.draw(np.random.default_rng(3), volume.shape)
    first, again = transform.apply(volume, params), transform.apply(volume, params)
    from_strided = transform.apply(np.asfortranarray(volume), json.loads(json.dumps(params)))
    np.testing.assert_array_equal(volume, before)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first, from_strided)  # neither the memory order nor a trip through JSON matters
    assert first.dtype == dtype and first.flags.c_contiguous and first.ndim == 4
    assert not np.may_share_memory(first, volume)
    assert first.min() >= 0 and first.max() <= 255


@pytest.mark.parametrize("transform", ALL, ids=by_name)
@pytest.mark.parametrize("shape", [(1, 1, 1, 3), (1, 40, 2, 3), (50, 2, 3, 3), (1, 1, 1, 1), (7, 2, 3, 1)])
def test_the_smallest_volumes_pass(transform, shape):
    if isinstance(transform, Channel) and shape[3] == 1:
        pytest.skip("it makes a volume grey")
    result = augment(noise_volume(shape), [transform], np.random.default_rng(5))
    assert result.dtype == np.uint8 and min(result.shape) >= 1
    assert result.shape[3] == (1 if isinstance(transform, Channel) else shape[3])


@pytest.mark.parametrize("transform", EVERY, ids=by_name)
def test_black_stays_black_and_white_white(transform):
    """Neither end of the range leaks into the other: no -1 becomes 255, no 256 becomes 0."""
    black, white = (np.full((20, 20, 20, 3), level, np.uint8) for level in (0, 255))
    for seed in range(5):
        noise = 30 if isinstance(transform, GaussianNoise) else 0
        assert augment(black, [transform], np.random.default_rng(seed)).max() <= noise
        result = augment(white, [transform], np.random.default_rng(seed))
        frames, height, width = (slice(length // 3, -(length // 3)) for length in result.shape[:3])
        assert result[frames, height, width].min() >= 255 - noise


@pytest.mark.parametrize("transform", ALL, ids=by_name)
def test_describe_is_plain_and_names_the_transform(transform):
    described = json.loads(json.dumps(transform.describe()))
    assert described["transform"] == type(transform).__name__
    assert ("p" in described) == (not isinstance(transform, (Resize, ResizePlanes, Channel)))


def test_transforms_are_frozen():
    with pytest.raises(FrozenInstanceError):
        Flip(axis=0, p=0.5).p = 1


def test_same_seed_same_result_and_another_seed_another():
    volume = noise_volume()
    results = [augment(volume, EVERY, np.random.default_rng(seed)) for seed in (7, 7, 8)]
    np.testing.assert_array_equal(results[0], results[1])
    assert not np.array_equal(results[0], results[2])


def test_global_random_state_is_neither_used_nor_moved():
    results = []
    for seed in (1, 2):
        np.random.seed(seed)  # noqa: NPY002
        cv2.setRNGSeed(seed)
        before = np.random.get_state()[1].copy()  # noqa: NPY002
        results.append(augment(noise_volume(), EVERY, np.random.default_rng(7)))
        np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    np.testing.assert_array_equal(*results)


def test_probability_0_and_1_and_the_input_never_aliased():
    volume = noise_volume()
    never = augment(volume, [Flip(axis=0, p=0), RandomGamma(gamma=(2, 2), p=0)], np.random.default_rng(0))
    np.testing.assert_array_equal(never, volume)
    assert not np.may_share_memory(never, volume)
    for seed in range(20):
        always = augment(volume, [Flip(axis=0, p=1)], np.random.default_rng(seed))
        np.testing.assert_array_equal(always, volume[::-1])


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_transforms_are_applied_with_their_probability_and_independently(p):
    volume = noise_volume((2, 2, 2, 3))
    rng = np.random.default_rng(11)
    flips = [Flip(axis=0, p=p), Flip(axis=2, p=p)]
    kinds = [volume, volume[::-1], volume[:, :, ::-1], volume[::-1, :, ::-1]]
    seen = np.zeros(4)
    for _ in range(2000):
        result = augment(volume, flips, rng)
        seen[next(kind for kind in range(4) if np.array_equal(result, kinds[kind]))] += 1
    expected = np.array([(1 - p) ** 2, p * (1 - p), p * (1 - p), p * p])
    assert np.abs(seen / 2000 - expected).max() < 4 * np.sqrt(0.25 / 2000)


def test_a_transforms_chance_does_not_depend_on_the_others_nor_on_the_data():
    """A step late in the sequence draws the same whatever the ones before it draw, and on what data."""

    class Witness(Transform):
        p = 0.5

        def draw(self, rng, shape):
            seen.append(rng.random())
            return {}

        def apply(self, volume, params=None):
            return volume

    draws = []
    for first in (*EVERY, DropPlanes(share=0.5, p=0.5)):
        for shape in ((4, 8, 8, 3), (31, 16, 16, 3)):
            seen = []
            for seed in range(10):
                rng = np.random.default_rng(seed)
                augment(noise_volume(shape), (first, Witness(), Witness()), rng)
                seen.append(rng.random())  # and so is what the caller draws next
            draws.append(seen)
    assert 15 < len(draws[0]) < 30 and len(set(draws[0])) == len(draws[0])
    assert all(found == draws[0] for found in draws)


def test_order_matters():
    volume = np.full((4, 16, 16, 3), 100, np.uint8)
    volume[:, 4:12, 4:12] = 140
    noise, gamma = GaussianNoise(std=(5, 5), p=1), RandomGamma(gamma=(1, 1), p=1)
    stretched_last = augment(volume, [noise, gamma], np.random.default_rng(2))
    noised_last = augment(volume, [gamma, noise], np.random.default_rng(2))
    assert stretched_last.min() == 0 and stretched_last.max() == 255
    assert np.ptp(stretched_last[:, :4]) > 2 * np.ptp(noised_last[:, :4])  # the stretch magnifies earlier noise


@pytest.mark.parametrize(
    "volume",
    [
        np.zeros((4, 5, 6), np.uint8),
        np.zeros((4, 5, 6, 2), np.uint8),
        np.zeros((0, 5, 6, 3), np.uint8),
        np.zeros((4, 5, 6, 3), np.float64),
        np.zeros((4, 5, 6, 3), np.int16),
    ],
)
def test_what_is_no_volume_is_refused(volume):
    with pytest.raises(InputError, match="a volume is"):
        augment(volume, AUGMENTATION, np.random.default_rng(0))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Rotate(degrees=(10, -10), p=1),
        lambda: Rotate(degrees=(-190, 10), p=1),
        lambda: Rotate(degrees=(float("nan"), 10), p=1),
        lambda: Rotate(degrees=(1, 2, 3), p=1),
        lambda: Rotate(degrees=(-10, 10), p=1.5),
        lambda: ElasticTransform(deformation=(-0.1, 0.25), p=1),
        lambda: RandomCropFromBorders(share=0.5, p=1),
        lambda: RandomCropFromBorders(share=-0.1, p=1),
        lambda: DropPlanes(share=1.1, p=1),
        lambda: DropPlanes(share=0.1, p=-0.1),
        lambda: Resize((0, 4, 4)),
        lambda: Resize((4, 4)),
        lambda: Resize((4, 4.5, 4)),
        lambda: Flip(axis=3, p=1),
        lambda: RotateQuarters(p=float("nan")),
        lambda: GaussianNoise(std=(-1, 5), p=1),
        lambda: RandomGamma(gamma=(0, 1), p=1),
        lambda: RandomGamma(gamma=(0.5, float("inf")), p=1),
        lambda: FromVolumentations(object(), p=2),
        lambda: BrightnessContrast(brightness=(0.2, -0.2), contrast=(0, 0), p=1),
        lambda: PercentGamma(percent=(0, 120), p=1),
        lambda: PercentGamma(percent=(80.5, 120), p=1),
        lambda: GaussianBlur(kernels=(3, 4), p=1),
        lambda: BoxBlur(kernels=(), p=1),
        lambda: TruncatedNoise(variance=(-1, 5), p=1),
        lambda: SharedNoise(std=(5, 1), p=1),
        lambda: MultiplicativeNoise(factor=(-0.5, 1), p=1),
        lambda: ElasticPlanes(strength=-1, sigma=7.5, anchor=3.6, p=1),
        lambda: ElasticPlanes(strength=1, sigma=0, anchor=3.6, p=1),
        lambda: GridDistortion(cells=0, stretch=(-0.3, 0.3), p=1),
        lambda: GridDistortion(cells=5, stretch=(-1, 0.3), p=1),
        lambda: OpticalDistortion(bend=(-1, float("nan")), shift=3.6, p=1),
        lambda: OpticalDistortion(bend=(-1, 1), shift=-1, p=1),
        lambda: ShiftScaleRotate(degrees=(-10, 10), scale=(0, 1), shift=0.1, p=1),
        lambda: ShiftScaleRotate(degrees=(-10, 10), scale=(1, 1), shift=0.1, p=2),
        lambda: ResizePlanes((160, 0)),
        lambda: ResizePlanes((160, 160, 3)),
        lambda: ResizePlanes((160, 160), kernel="cubic"),
        lambda: Channel(3),
        lambda: Turn(quarters=0, p=1),
    ],
)
def test_impossible_parameters_are_refused(make):
    with pytest.raises(InputError, match="must be"):
        make()


@pytest.mark.parametrize("transforms", [AUGMENTATION, AUGMENTATION_DROPPED_PLANES])
def test_the_recipes_chain_ends_in_the_nets_input(transforms):
    result = augment(noise_volume((40, 60, 50, 3)), transforms, np.random.default_rng(0))
    assert result.shape == (96, 128, 128, 3) and result.dtype == np.uint8


def test_a_real_clip_comes_through_the_whole_chain_and_stays_recognisable():
    capture = cv2.VideoCapture(str(real_file("stallcatchers/roi_clip_unlabelled_150x150.avi")))
    frames = []
    while (read := capture.read())[0]:
        frames.append(read[1])
    volume = np.stack(frames)
    plain = Resize((32, 64, 64)).apply(volume)
    assert abs(plain.mean() - volume.mean()) < 2
    soft = (Rotate(degrees=(-10, 10), p=1), RandomCropFromBorders(share=0.15, p=1), DropPlanes(share=0.1, p=1))
    for seed in range(3):
        result = augment(volume, (*soft, Resize((32, 64, 64))), np.random.default_rng(seed))
        likeness = np.corrcoef(result.ravel().astype(float), plain.ravel())[0, 1]
        assert 0.3 < likeness < 0.999
