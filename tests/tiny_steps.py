"""Training steps that are not waited for, beside Keras' own of the same batches, to the bit.

KERAS_BACKEND=jax python tests/tiny_steps.py [packed]
"""

import sys
from collections.abc import Iterator

import numpy as np

from stagewise.machine.slots import Ring, part_of

LABELS = np.array([[0], [1], [1], [0]], np.float32)
LENGTHS = (4, 3)  # of clips, batch after batch
LARGEST = (len(LABELS), max(LENGTHS), 32, 32, 1)


def compiled():
    """A net with all that a training moves: weights, running statistics, dropout's chance, moments, half sums."""
    import keras
    from keras import layers

    from stagewise.machine import device
    from stagewise.recipes.cycled_adam import SettableAdam

    clip = x = keras.Input((None, *LARGEST[2:]), dtype="uint8")
    x = layers.Rescaling(1 / 255)(x)
    x = layers.Conv3D(2, 3, padding="same", kernel_initializer=keras.initializers.GlorotUniform(seed=1))(x)
    x = layers.BatchNormalization()(x)
    x = layers.Dropout(0.5, seed=2)(layers.GlobalAveragePooling3D()(x))
    x = layers.Dense(1, "sigmoid", kernel_initializer=keras.initializers.GlorotUniform(seed=3))(x)
    model = keras.Model(clip, x)
    optimizer = SettableAdam(1e-2, gradient_accumulation_steps=2)
    model.compile(optimizer, "binary_crossentropy", jit_compile=device.jit_compile())
    optimizer.build(model.trainable_variables)
    return model


def batches(model, steps: int) -> Iterator[tuple]:
    """Clips in two slots of shared memory in turn, the longer ones with weights, and numbers of the optimizer."""
    ring, generator = Ring(2, LARGEST), np.random.default_rng(5)
    for step in range(steps):
        model.optimizer.learning_rate, model.optimizer.beta_1 = 1e-2 / (step + 1), 0.9 - step / 20
        length = LENGTHS[step // 2 % 2]
        clips = part_of(ring.arrays[step % 2], (len(LABELS), length, *LARGEST[2:]))
        clips[:] = generator.integers(0, 256, clips.shape, np.uint8)
        yield clips, LABELS, np.float32([1, 3, 3, 1]) if length == max(LENGTHS) else None
        clips[:] = 255
    ring.close()


def states(model) -> list[np.ndarray]:
    import keras

    return [keras.ops.convert_to_numpy(v) for v in (*model.variables, *model.optimizer.variables)]


def main() -> None:
    """Two epochs with an answer between them, by Keras' way and by ours; then a step that fails."""
    import keras

    from stagewise.machine.steps import training_steps

    theirs, ours = compiled(), compiled()
    clips = np.zeros(LARGEST, np.uint8)
    for steps in (5, 4):
        wanted = [theirs.train_on_batch(*batch) for batch in batches(theirs, steps)]
        with training_steps(ours) as train_on:
            losses = [train_on(*batch) for batch in batches(ours, steps)]
            if keras.backend.backend() == "jax":
                assert all(v.value.is_deleted() for v in (*ours.variables, *ours.optimizer.variables) if v.shape)
        assert [float(loss) for loss in losses] == [float(loss) for loss in wanted]
        assert len(set(map(float, wanted))) == steps
        for one, other in zip(states(ours), states(theirs), strict=True):
            np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(ours.predict_on_batch(clips), theirs.predict_on_batch(clips))
    before = states(ours)
    try:
        with training_steps(ours) as train_on:
            train_on(*next(batches(ours, 1)))
            train_on(clips, LABELS[:3], None)
    except Exception:
        changed = [np.any(one != other) for one, other in zip(states(ours), before, strict=True)]
        assert any(changed) and all(np.isfinite(array).all() for array in states(ours))
        return
    raise AssertionError("a batch with a label too few was trained on")


if __name__ == "__main__":
    from stagewise.machine import device, steps

    device.prepare()
    steps.packs = lambda: sys.argv[1:] == ["packed"]  # which it is by itself where there is a GPU
    main()
