"""Layers of Keras that compute the same on a GPU with less to read and write; for XLA, which fuses what is around them.

Their classes are named as Keras names its own, for by these names a file of weights is addressed: it is the same file.
"""

import keras
from keras import KerasTensor, layers, ops

from stagewise.machine import backends, device


def wanted() -> bool:
    """Whether XLA compiles the nets for a GPU; call after `device.prepare`."""
    return device.jit_compile() and bool(device.gpus())


def norm_over(axis: int) -> type[layers.BatchNormalization]:
    """The BatchNorm for channels on an axis, -1 or 1, on the device in use."""
    return BatchNormalization if axis == -1 and wanted() else layers.BatchNormalization


def for_answers(layer: layers.Layer) -> type[layers.Layer]:
    """The class of a layer's copy in a net that only answers, on the device in use: 1x1x1 convolutions as products.

    Of an answer's traffic that saves a quarter where XLA fuses what stands before a product into it, and adds a quarter
    where it does not (`bench/traffic.py`).
    """
    pointwise = isinstance(layer, layers.Conv3D) and layer.kernel_size == (1, 1, 1) == layer.strides
    plain = pointwise and layer.groups == 1 and layer.data_format == "channels_last"
    return Conv3D if plain and wanted() and backends.fuses_products() else type(layer)


@keras.saving.register_keras_serializable(package="stagewise")
class BatchNormalization(layers.BatchNormalization):
    """Mean and variance of a batch by one reading of it, in float32, where Keras on JAX takes two; channels last.

    With d = x - the mean that runs along, which is known before: E[d^2] - E[d]^2. By plain squares, E[x^2] - E[x]^2,
    what float32 loses grows with (mean / deviation)^2, 163 in the worst of the 41,824 channels of ImageNet's
    DenseNet121: up to 1e-3 of the variance, as long as nothing has run along yet.
    """

    def _moments(self, inputs: KerasTensor, mask: KerasTensor | None) -> tuple[KerasTensor, KerasTensor]:
        known = ops.stop_gradient(ops.cast(self.moving_mean, inputs.dtype))
        away = inputs - known
        mean, square = (ops.mean(values, self._reduction_axes) for values in (away, ops.square(away)))
        return known + mean, ops.maximum(square - ops.square(mean), 0.0)


@keras.saving.register_keras_serializable(package="stagewise")
class Conv3D(layers.Conv3D):
    """Convolutions of two kinds, channels last: of odd size with strides of 2 over few channels, "valid", over cells of
    2x2x2; and of size 1 with strides of 1, as a matrix product.

    The voxels of a cell become channels, of the kernel, too, which gets a last plane of zeros along each axis. Tensor
    cores take channels by eights and leave most of them idle for three: 24 channels at 4x4x4 places are half the work
    of 8 at 7x7x7.
    """

    def convolution_op(self, inputs: KerasTensor, kernel: KerasTensor) -> KerasTensor:
        """inputs: (B, t, h, w, C), of known size; kernel: (kt, kh, kw, C, filters)."""
        if self.kernel_size == (1, 1, 1):
            return _product(inputs, kernel)
        voxels = ops.pad(inputs, [(0, 0), *((0, axis % 2) for axis in inputs.shape[1:4]), (0, 0)])
        kernel = ops.pad(kernel, [(0, 1)] * 3 + [(0, 0)] * 2)
        t, h, w = (axis // 2 for axis in voxels.shape[1:4])
        *sizes, channels, filters = kernel.shape
        kt, kh, kw = (size // 2 for size in sizes)
        cells = ops.transpose(ops.reshape(voxels, (-1, t, 2, h, 2, w, 2, channels)), (0, 1, 3, 5, 2, 4, 6, 7))
        places = ops.transpose(ops.reshape(kernel, (kt, 2, kh, 2, kw, 2, channels, filters)), (0, 2, 4, 1, 3, 5, 6, 7))
        channels *= 8
        return ops.conv(
            ops.reshape(cells, (-1, t, h, w, channels)),
            ops.reshape(places, (kt, kh, kw, channels, filters)),
            1,
            "valid",
        )


def _product(inputs: KerasTensor, kernel: KerasTensor) -> KerasTensor:
    """inputs: (B, t, h, w, C); kernel: (1, 1, 1, C, filters). Flat, as XLA fuses a product with a batch less well."""
    channels, filters = kernel.shape[-2:]
    flat = ops.matmul(ops.reshape(inputs, (-1, channels)), ops.reshape(kernel, (channels, filters)))
    return ops.reshape(flat, (-1, *inputs.shape[1:4], filters))
