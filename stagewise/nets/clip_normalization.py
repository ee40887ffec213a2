"""A norm by each clip's own statistics: BatchNorm as it is in training with a batch of one, whatever the batch."""

import keras
from keras import KerasTensor, ops


@keras.saving.register_keras_serializable(package="stagewise")  # so that a net's JSON can name it
class ClipNormalization(keras.layers.Layer):
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta, mean and variance over T, H and W, for each channel.

    Input and output: (B, ...) with the channels on `axis`. The same in training and inference; nothing runs along, and
    no clip touches another. Equal to GroupNormalization(groups=-1), of which OpenVINO takes only the batch that it was
    exported with; half its time on a CPU. Statistics, gamma and beta are float32 whatever the policy.

    Source: Ulyanov et al., "Instance normalization", 2016.
    """

    def __init__(self, axis: int = -1, epsilon: float = 1e-5, **options) -> None:
        super().__init__(**options)
        self.axis, self.epsilon = axis, epsilon

    def build(self, shape: tuple[int | None, ...]) -> None:
        """gamma and beta, (channels,) each."""
        options = {"shape": (shape[self.axis],), "autocast": False}
        self.gamma = self.add_weight(name="gamma", initializer="ones", **options)
        self.beta = self.add_weight(name="beta", initializer="zeros", **options)

    def call(self, x: KerasTensor) -> KerasTensor:
        """As one multiplication and one addition a voxel."""
        rank = len(x.shape)
        channels = self.axis % rank
        wide = ops.cast(x, "float32")
        mean, variance = ops.moments(wide, [axis for axis in range(1, rank) if axis != channels], keepdims=True)
        place = [-1 if axis == channels else 1 for axis in range(rank)]
        scale = ops.reshape(self.gamma, place) * ops.rsqrt(variance + self.epsilon)
        return ops.cast(wide * scale + (ops.reshape(self.beta, place) - mean * scale), self.compute_dtype)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The input's."""
        return shape

    def get_config(self) -> dict:
        """What `from_config` takes."""
        return {**super().get_config(), "axis": self.axis, "epsilon": self.epsilon}
