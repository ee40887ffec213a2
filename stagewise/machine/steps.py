"""Steps of a training that are sent to the device and not waited for, in the way that each backend needs."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet, ref

import numpy as np

from stagewise.machine.compilation import told
from stagewise.machine.packing import Packed, Packing

if TYPE_CHECKING:
    import keras

# Of (B, ...) shown and wanted, and of (B,) float32 weights of the samples' losses or None, to what `float` makes the
# batch's loss of, as soon as the device has it.
Step = Callable[[np.ndarray, np.ndarray, np.ndarray | None], Any]

PACKED: "WeakKeyDictionary[Callable, Callable]" = WeakKeyDictionary()  # JAX's, by Keras' own of a compiled model
STEPPED: "WeakSet[keras.Model]" = WeakSet()  # models that have taken a step, which compiled it


@contextmanager
def training_steps(model: "keras.Model", say: Callable[[str], None] = print) -> Iterator[Step]:
    """What trains a compiled model on one batch after the other, for as long as a `with` lasts.

    As `model.train_on_batch`, to the bit, but for the wait: a step comes back when it is on its way, and the arrays may
    be overwritten then. On JAX the model's variables are with the steps until the `with` ends, by an error, too: what
    reads one finds a deleted array and fails, but single numbers of the optimizer may be set between two steps.
    say: of how long a model's first step took, as that one compiles.
    """
    import keras

    model.make_train_function()
    if keras.backend.backend() != "jax":
        yield _telling(model, lambda *batch: _step(model, batch), say)
        return
    steps = _JaxSteps(model)
    try:
        yield _telling(model, steps, say)
    finally:
        steps.give_back()


def _telling(model: "keras.Model", step: Step, say: Callable[[str], None]) -> Step:
    """The step; a model's first one is timed."""

    def timed_once(*batch: np.ndarray | None) -> Any:
        if model in STEPPED:
            return step(*batch)
        STEPPED.add(model)
        return told("the training step", lambda: step(*batch), say)

    return timed_once


def _step(model: "keras.Model", batch: tuple) -> Any:
    """On TensorFlow and PyTorch, which copy the arrays before they return: Keras' own without its wait for the loss."""
    model.reset_metrics()  # else the loss is a mean over batches
    return model.train_function([batch])["loss"]


class _JaxSteps:
    """Keras' step on JAX, with its state kept on the device and outside of Keras' variables, on a GPU in long arrays.

    `train_on_batch` takes each variable's value out and puts it back, 1,711 for DenseNet121-3D with accumulated
    gradients, and JAX itself has microseconds for each array that goes into a compiled step or comes out of it:
    bench/step_overhead.py has what both cost.
    """

    def __init__(self, model: "keras.Model") -> None:
        import jax

        self.model = model
        self.variables = (model.trainable_variables, model.non_trainable_variables, model.optimizer.variables)
        self.packings = [Packing(group, not packs()) for group in self.variables]
        self.step = _packed_step(model, self.packings)
        fresh = [np.zeros(metric.shape, metric.dtype) for metric in model.metrics_variables]
        self.fresh = jax.device_put(fresh)  # else the loss is a mean over batches
        values = [[variable.value for variable in group] for group in self.variables]
        optimizer = [self.variables[-1][index] for index in self.packings[-1].apart]
        self.settable = {place: variable for place, variable in enumerate(optimizer) if not variable.shape}
        self.held = {place: variable.value for place, variable in self.settable.items()}  # by Keras' variables, last
        self.state = [packing.packed(arrays, _moved) for packing, arrays in zip(self.packings, values, strict=True)]

    def __call__(self, *batch: np.ndarray | None) -> Any:
        self._take_numbers()
        loss, self.state = self.step(self.state, self.fresh, _on_device(batch))
        return loss

    def _take_numbers(self) -> None:
        """A learning rate, say, that a schedule has set since the last step."""
        for place, variable in self.settable.items():
            if (value := variable.value) is not self.held[place]:
                self.held[place] = self.state[-1][0][place] = value

    def give_back(self) -> None:
        """Let Keras' variables have the state that the last step has left."""
        import jax

        self._take_numbers()
        for packing, variables, (apart, long) in zip(self.packings, self.variables, self.state, strict=True):
            values = packing.unpacked((apart, jax.device_get(long)))  # cut by the host, as `_moved` joins
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)


def packs() -> bool:
    """Whether a step's arrays are joined: on a CPU, whose steps take seconds, that would double its compilation.

    On a GPU a step moves some 90 bytes a parameter more for it, 1 GB for DenseNet121-3D or 0.3 ms of an H100's memory,
    in fewer kernels: counted in XLA's programs for one dense block, with gradients accumulated, and measured on none.
    """
    import jax

    return jax.default_backend() != "cpu"


def _packed_step(model: "keras.Model", packings: list[Packing]) -> Callable:
    """Of (packed groups, zeroed metrics, a batch) to (its loss, packed groups): Keras' own step in between."""
    import jax

    def joined(arrays: list) -> jax.Array:
        return jax.lax.concatenate([array.reshape(-1) for array in arrays], 0)

    if model.train_function not in PACKED:
        known = ref(model)  # else the function would keep the model alive, and the model the function

        def step(state: list[Packed], fresh: list, batch: tuple) -> tuple:
            groups = [packing.unpacked(packed) for packing, packed in zip(packings, state, strict=True)]
            logs, (*groups, _) = known().train_step((*groups, fresh), batch)
            pairs = zip(packings, groups, strict=True)
            return logs["loss"], [packing.packed(group, joined) for packing, group in pairs]

        PACKED[model.train_function] = jax.jit(step, donate_argnums=0)
    return PACKED[model.train_function]


def _moved(arrays: list) -> Any:
    """A long array of others, which are deleted. By the host: a program that joins is compiled for a minute."""
    import jax

    long = np.concatenate([np.asarray(array).reshape(-1) for array in arrays])
    for array in arrays:
        array.delete()
    return jax.device_put(long)


def _on_device(batch: tuple[np.ndarray | None, ...]) -> Any:
    """The arrays on JAX's device, no longer in the caller's memory.

    On a CPU `device_put` makes arrays of that very memory where it is aligned, even with may_alias=False (JAX 0.10.2);
    a GPU's copy is waited for, while the steps before go on.
    """
    import jax

    if jax.default_backend() == "cpu":
        batch = tuple(None if array is None else np.array(array) for array in batch)
    return jax.block_until_ready(jax.device_put(batch))


def kept_bytes(precision: str) -> float:
    """Of a GPU's memory, what a training step keeps for each number that a layer puts out, on average.

    precision: the Keras dtype policy. Of the backend that `KERAS_BACKEND` names, which need not be loaded.

    XLA, on JAX and, on a GPU, TensorFlow, keeps what convolutions and poolings read and write (46 % of DenseNet121-3D's
    numbers, 53 % with padded copies), and makes BatchNorm's outputs and concatenations where they are read. Counted in
    its plan of that net's step in mixed_bfloat16 for an H100 (jax 0.11.2, NDHWC, compiled without the GPU): 1.6 GiB for
    6 clips, 6.4 for 24, 13 for 48, which are 0.27 a clip; every second number in 2 bytes makes 0.273. PyTorch was not
    counted: all numbers in float32, in which Keras' BatchNorm has its copies there.
    """
    if os.environ.get("KERAS_BACKEND") == "torch":
        return 4
    return 1 if precision == "mixed_bfloat16" else 2
