"""Clips of several lengths: padded to a length of their own when they are answered, to their batch's in training."""

import numpy as np
import pytest
import tiny

from stagewise.augment import Channel, ResizePlanes
from stagewise.data.batches import TrainingBatches, load_clips, stream_clips
from stagewise.files import paths
from stagewise.machine.workers import WorkerPool
from stagewise.prediction.predict import predict_volumes
from stagewise.recipes.frames import EveryFrame, padded
from stagewise.volumes.pklz import load_volume, save_volume

RECIPE = tiny.grey_recipe()
FRAMES = (9, 12, 5, 25, 10, 11, 3)  # the net's lengths are 10 and 12


@pytest.fixture
def volumes(root):
    generator = np.random.default_rng(3)
    found = []
    for number, frames in enumerate(FRAMES):
        found.append(paths.volume_path("train", f"{100000 + number}.mp4"))
        save_volume(found[-1], generator.integers(1, 256, (frames, 9, 14, 3), np.uint8))
    return found


@pytest.mark.parametrize(("frames", "length"), [(1, 10), (10, 10), (11, 12), (12, 12), (13, 24), (24, 24), (25, 36)])
def test_a_clip_gets_the_next_length_and_a_longer_one_the_next_multiple_of_the_last(frames, length):
    assert padded(frames, (10, 12)) == length
    assert padded(frames, ()) == frames


def test_the_net_sees_every_frame_of_one_channel_at_its_size_with_black_ones_behind(volumes):
    volume = load_volume(volumes[0])
    clip = EveryFrame(channel=2, lengths=(16,)).prepared((None, 12, 8)).apply(volume)
    assert clip.shape == (16, 12, 8, 1)
    np.testing.assert_array_equal(clip[:9], ResizePlanes((12, 8)).apply(Channel(2).apply(volume)))
    assert (clip[:9] > 0).all() and not clip[9:].any()


@pytest.mark.parametrize("workers", [0, 2])
def test_streamed_clips_are_as_they_are_alone_whatever_is_beside_them(volumes, workers):
    with WorkerPool(workers) as pool:
        streamed = [clip.copy() for clips in stream_clips(volumes, RECIPE.prepared, pool, 3) for clip in clips]
    assert [len(clip) for clip in streamed] == [10, 12, 10, 36, 10, 12, 10]  # the fourth is larger than a slot
    for clip, volume in zip(streamed, volumes, strict=True):
        np.testing.assert_array_equal(clip, RECIPE.prepared.apply(load_volume(volume)))


@pytest.mark.parametrize("lengths", [(), (10, 12)])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_training_batch_is_as_long_as_its_longest_clip_and_black_behind_the_others(volumes, workers, lengths):
    batches = TrainingBatches(RECIPE, volumes, np.array([1, 0, 1, 0, 1, 0, 0]), fold=0, seed=1, lengths=lengths)
    with WorkerPool(workers) as pool:
        streamed = [clips.copy() for clips, _ in batches.stream(pool, 0)]
    assert len({clips.shape for clips in streamed}) > 1
    for number, clips in enumerate(streamed[: batches.steps]):
        task = batches.task(0, number)
        frames = [len(load_volume(volume)) for volume in task.volumes]
        assert clips.shape == (2, padded(max(frames), lengths), 12, 12, 1)
        for clip, length in zip(clips, frames, strict=True):
            assert clip[:length].any(axis=(1, 2, 3)).all() and not clip[length:].any()
        np.testing.assert_array_equal(clips, load_clips(task).clips)


def test_a_clip_is_answered_alike_alone_and_with_shorter_and_with_longer_ones(volumes):
    model = RECIPE.net.build(seed=4)

    def answers(chosen: list[int], batch_size: int) -> np.ndarray:
        with WorkerPool(0) as pool:
            of = [volumes[number] for number in chosen]
            return predict_volumes(model.predict_on_batch, of, RECIPE.prepared, pool, batch_size, "test")[:, 0]

    alone = np.array([answers([number], 1)[0] for number in range(len(volumes))])
    assert np.unique(alone).size == len(alone)
    for chosen, batch_size in (([0, 2, 6], 3), ([0, 1, 3], 3), (list(range(7)), 2), (list(range(7)), 7), ([3, 0], 2)):
        np.testing.assert_allclose(answers(chosen, batch_size), alone[chosen], atol=1e-6)
