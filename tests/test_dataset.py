"""Batches are the same for any number of workers and wherever a run begins; nothing is replaced silently."""

import gc
import time
from pathlib import Path

import numpy as np
import pytest
import tiny

from stagewise.data.batches import TrainingBatches, load_clips, stream_clips
from stagewise.files import paths
from stagewise.machine.slots import Ring
from stagewise.machine.workers import WorkerPool
from stagewise.messages.errors import InputError
from stagewise.volumes.pklz import load_volume


@pytest.fixture
def batches(root):
    table = tiny.write_volumes("train", 8)
    volumes = [paths.volume_path("train", filename) for filename in table["filename"]]
    return TrainingBatches(tiny.recipe(), volumes, table["stalled"].to_numpy(), fold=0, seed=1)


def collect(batches, workers: int, first_epoch: int = 0):
    with WorkerPool(workers) as pool:
        return [(clips.copy(), labels) for clips, labels in batches.stream(pool, first_epoch)]


def test_batches_do_not_depend_on_the_number_of_workers(batches):
    one, three = collect(batches, 0), collect(batches, 3)
    assert len(one) == len(three) == 12  # three epochs of four
    for (clips, labels), (other_clips, other_labels) in zip(one, three, strict=True):
        assert clips.dtype == np.uint8
        assert clips.shape == (2, *tiny.NET.input_shape, 3)
        assert labels.shape == (2, 1)
        assert (clips == other_clips).all()
        assert (labels == other_labels).all()
    tasks = [batches.task(epoch, step) for epoch in range(3) for step in range(4)]
    assert [labels[:, 0].tolist() for _, labels in one] == [list(task.stalled) for task in tasks]
    assert (one[5][0] == load_clips(tasks[5]).clips).all()


def test_a_later_epoch_begins_where_an_uninterrupted_run_would_be(batches):
    for (clips, _), (later, _) in zip(collect(batches, 0)[8:], collect(batches, 0, first_epoch=2), strict=True):
        assert (clips == later).all()


def test_epochs_and_stages_see_other_samples(batches):
    streamed = collect(batches, 0)
    assert any((streamed[step][0] != streamed[step + 4][0]).any() for step in range(4))
    assert batches.task(0, 0).keys != batches.task(1, 0).keys


def test_streamed_clips_are_only_resized_in_order_and_the_last_batch_is_short(batches):
    recipe = tiny.recipe()
    with WorkerPool(2) as pool:
        streamed = [
            [*map(np.copy, clips)] for clips in stream_clips(batches.volumes, recipe.prepared, pool, batch_size=3)
        ]
    assert [len(clips) for clips in streamed] == [3, 3, 2]
    resized = recipe.prepared.apply(load_volume(batches.volumes[4]))
    assert (streamed[1][1] == resized).all()


def test_a_damaged_volume_stops_the_stream_and_is_named(batches):
    batches.volumes[3].write_bytes(batches.volumes[3].read_bytes()[:-9])
    with WorkerPool(2) as pool, pytest.raises(InputError, match=r"100003\.mp4\.pklz"):
        list(stream_clips(batches.volumes, tiny.recipe().prepared, pool, batch_size=2))


def test_a_batch_holds_until_the_next_is_asked_for_and_its_memory_goes_with_the_stream(batches):
    def held() -> int:
        gc.collect()
        return Path("/proc/self/maps").read_text().count("memfd:stagewise-batch")

    others = held()  # of tests whose errors are still kept
    with WorkerPool(2) as pool:
        stream = batches.stream(pool, 0)
        clips, _ = next(stream)
        assert held() == others + 1
        before = clips.copy()
        time.sleep(0.5)  # the workers have filled all they may fill
        assert (clips == before).all()
        del clips
        stream.close()
        assert held() == others


def test_a_ring_takes_two_files_however_many_slots_it_has_and_each_is_its_own_array():
    def opened() -> int:  # of rings alone: other threads open and close files of their own
        return sum("memfd:stagewise-batch" in _target(link) for link in Path("/proc/self/fd").iterdir())

    gc.collect()
    before = opened()
    ring = Ring(258, (2, 3, 5))  # of 128 workers
    assert opened() == before + 2  # a memfd and its mapping; the usual limit is 1,024
    for number, slot in enumerate(ring.slots):
        slot.array()[...] = number % 256  # as a worker does
    assert all((array == number % 256).all() for number, array in enumerate(ring.arrays))
    assert {array.shape for array in ring.arrays} == {(2, 3, 5)}
    ring.close()
    gc.collect()
    assert opened() == before


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except FileNotFoundError:  # closed meanwhile, as the listing of the folder itself is
        return ""
