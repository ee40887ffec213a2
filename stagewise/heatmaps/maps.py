"""Where a net looks: maps of the features behind one of its dense blocks.

A map is as coarse as these features: behind the last block, where the recipe takes it, (3, 4, 4) voxels for a clip at
(96, 128, 128), and (1, 2, 2) at the demo's (32, 64, 64). It is zoomed linearly, so that it looks smooth and is no
finer; and as a voxel has seen most of the clip through the layers below, it says where the net weighs what it found,
rather than which pixels it found it in. Earlier blocks give finer maps of simpler features. The net's first two layers
look ahead a little, so that a map is drawn 1.5 of the net's pixels too far down and right, and 1.5 of its frames late.
"""

import cv2
import keras
import numpy as np
from scipy.special import expit

from stagewise.augment import Resize
from stagewise.machine import device
from stagewise.machine.engines import predictor
from stagewise.nets.densenet3d import block_norms


class HeatMapper:
    """Heat maps of one fold's net, on whatever engine `device.prepare` has set up.

    block: the dense block behind which the features are taken, from 1; shape: (t, h, w) of the maps, voxels.
    """

    def __init__(self, net: keras.Model, block: int, openvino_precision: str = "f32") -> None:
        """net: a `densenet3d` with trained weights, fused or not; openvino_precision: as for `engines.predictor`."""
        norms = block_norms(net)
        norm, self.block = norms[block - 1], block
        self.shape, self._channels = _map_shape(norm), norm.axis
        self._net, self._is_last = net, norm is norms[-1]
        self._active = net.get_layer(norm.name.removesuffix("bn") + "relu").output
        self._predict = predictor(keras.Model(net.input, norm.output), openvino_precision)

    def features(self, clips: np.ndarray) -> np.ndarray:
        """The BatchNorm's output behind the block, before its ReLU.

        clips: (B, T, H, W, 3) uint8 BGR of the net's input size. Returns: (B, t, h, w, channels) float32.
        """
        return np.moveaxis(np.asarray(self._predict(clips), np.float32), self._channels, -1)

    def statistics(self, clips: np.ndarray) -> np.ndarray:
        """The recipe's map: per voxel over channels, standard deviation (blue), maximum (green), mean (red).

        clips: (B, T, H, W, 3) uint8 BGR. Returns: (B, t, h, w, 3) uint8, each colour stretched over a clip's voxels
        from its least (0) to its largest value (255): a colour compares voxels of one clip, not clips.
        """
        features = self.features(clips)
        maps = np.stack([features.std(axis=-1), features.max(axis=-1), features.mean(axis=-1)], axis=-1)
        return _stretched(maps)

    def gradcam(self, clips: np.ndarray, stalled: bool | np.ndarray = True) -> np.ndarray:
        """Grad-CAM in 3D: what speaks for "stalled", or for "flowing", and where.

        clips: (B, T, H, W, 3) uint8 BGR; stalled: the answer to explain, one for all clips or (B,). Returns:
        (B, t, h, w) float32, at least 0: the features behind their ReLU, weighted by the mean over voxels of the
        gradient of the answer's log odds, summed over channels, what speaks against the answer cut off (Selvaraju et
        al., "Grad-CAM", ICCV 2017). Raises InputError where `gradients` does.
        """
        features = np.maximum(self.features(clips), 0)
        signs = np.where(stalled, 1, -1).reshape(-1, 1)  # the odds of "flowing" are the inverse
        weights = self.gradients(features) * signs
        return np.maximum(np.einsum("btyxc,bc->btyx", features, weights), 0)

    def gradients(self, features: np.ndarray) -> np.ndarray:
        """How the log odds of "stalled" grow with each channel of the features: the mean over voxels.

        features: (B, t, h, w, channels) float32, behind the ReLU. Returns: (B, channels) float32. Behind the last block
        they come in closed form, on every engine; before it from the backend: InputError on OpenVINO.
        """
        hidden, bias = self._net.get_layer("head").get_weights()
        logit = self._net.get_layer("probability").get_weights()[0][:, 0]
        if self._is_last:  # mean over voxels, then logit = sigmoid(mean @ hidden + bias) @ logit + a constant
            units = expit(features.mean(axis=(1, 2, 3)) @ hidden + bias)
            return (units * (1 - units) * logit) @ hidden.T / np.prod(self.shape)
        rest = keras.Model(self._active, self._net.get_layer("head").output)
        gradient = device.gradient(rest, np.moveaxis(features, -1, self._channels), logit)
        return np.moveaxis(gradient, self._channels, -1).mean(axis=(1, 2, 3))


def _map_shape(norm: keras.layers.Layer) -> tuple[int, ...]:
    axes = list(norm.output.shape[1:])
    axes.pop(norm.axis if norm.axis < 0 else norm.axis - 1)
    return tuple(axes)


def _stretched(maps: np.ndarray) -> np.ndarray:
    """(B, t, h, w, k) of any numbers to uint8, each of B x k maps from 0 to 255; one without contrast is 0."""
    low, high = (extreme(maps, axis=(1, 2, 3), keepdims=True) for extreme in (np.min, np.max))
    return np.rint(255 * (maps - low) / np.where(high > low, high - low, 1)).astype(np.uint8)


def coloured(heat: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """A map of one number a voxel in colours, at the clip's size.

    heat: (t, h, w), at least 0; shape: (T, h, w) of the clip. Returns: (T, h, w, 3) uint8 BGR, from black (0) over
    purple and orange to light yellow (the map's largest value); a map of zeros is black.
    """
    grey = zoomed(np.rint(255 * heat / max(heat.max(), np.finfo(np.float32).tiny)).astype(np.uint8), shape)
    return cv2.applyColorMap(grey.reshape(-1, shape[2]), cv2.COLORMAP_INFERNO).reshape(*shape, 3)


def zoomed(heat: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """A map at the clip's size, linear between the centres of its voxels.

    heat: (t, h, w) or (t, h, w, 3), uint8 or float32; shape: (T, h, w) of the clip. Returns: the same type, that size.
    """
    if heat.ndim == 4:
        return Resize(shape).apply(heat)
    return Resize(shape).apply(np.repeat(heat[..., None], 3, axis=-1))[..., 0]
