"""Where a net looks: maps of its last features, before they are averaged over the clip.

A map is as coarse as these features: (3, 4, 4) voxels of a clip at (96, 128, 128), (1, 2, 2) at the demo's
(32, 64, 64). It is zoomed linearly, so that it looks smooth and is no finer; and as a voxel has seen most of the clip
through the layers below, it says where the net weighs what it found, rather than which pixels it found it in.
"""

from dataclasses import dataclass

import cv2
import keras
import numpy as np

from stagewise.augment import Resize
from stagewise.engines import predictor

FEATURES = "bn"  # the last BatchNorm; behind it ReLU, mean over voxels, and the head


@dataclass(frozen=True)
class Head:
    """What a net does with its last features: ReLU, mean over voxels, a sigmoid layer, one logit; float64.

    hidden: (channels, units) and hidden_bias (units,); output: (units,) and output_bias of the logit.
    """

    hidden: np.ndarray
    hidden_bias: np.ndarray
    output: np.ndarray
    output_bias: float

    @classmethod
    def of(cls, net: keras.Model) -> "Head":
        """The head of a `densenet3d`, fused or not."""
        hidden, hidden_bias = (np.asarray(w, np.float64) for w in net.get_layer("head").get_weights())
        output, output_bias = (np.asarray(w, np.float64) for w in net.get_layer("probability").get_weights())
        return cls(hidden, hidden_bias, output[:, 0], float(output_bias[0]))

    def _units(self, features: np.ndarray) -> np.ndarray:
        pooled = np.maximum(features, 0).mean(axis=(1, 2, 3), dtype=np.float64)
        return _sigmoid(pooled @ self.hidden + self.hidden_bias)

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """features: (B, t, h, w, channels) before the ReLU. Returns: (B,) float64 of "stalled"."""
        return _sigmoid(self._units(features) @ self.output + self.output_bias)

    def gradient(self, features: np.ndarray) -> np.ndarray:
        """How the logit of "stalled" grows with each channel's mean over voxels: (B, channels) float64.

        The chain rule through one sigmoid layer: hidden @ (output x unit x (1 - unit)).
        """
        units = self._units(features)
        return (units * (1 - units) * self.output) @ self.hidden.T


class HeatMapper:
    """Heat maps of one fold's net, on whatever engine `device.prepare` has set up."""

    def __init__(self, net: keras.Model, openvino_precision: str = "f32") -> None:
        """net: a `densenet3d` with trained weights, fused or not; openvino_precision: as for `engines.predictor`."""
        layer = net.get_layer(FEATURES)
        self.channels = layer.axis  # of the layer's output
        self.head = Head.of(net)
        self._predict = predictor(keras.Model(net.input, layer.output), openvino_precision)

    def features(self, clips: np.ndarray) -> np.ndarray:
        """clips: (B, T, H, W, 3) uint8 BGR of the net's input size. Returns: (B, t, h, w, channels) float32."""
        return np.moveaxis(np.asarray(self._predict(clips), np.float32), self.channels, -1)

    def statistics(self, clips: np.ndarray) -> np.ndarray:
        """The recipe's map: per voxel over channels, standard deviation (blue), maximum (green), mean (red).

        clips: (B, T, H, W, 3) uint8 BGR. Returns: (B, t, h, w, 3) uint8, each colour stretched over a clip's voxels
        from its least (0) to its largest value (255): a colour compares voxels of one clip, not clips.
        """
        features = self.features(clips)
        maps = np.stack([features.std(axis=-1), features.max(axis=-1), features.mean(axis=-1)], axis=-1)
        return stretched(maps)

    def gradcam(self, clips: np.ndarray) -> np.ndarray:
        """Grad-CAM in 3D: what raises the logit of "stalled", and where.

        clips: (B, T, H, W, 3) uint8 BGR. Returns: (B, t, h, w) float32, at least 0: ReLU of the features behind
        their ReLU, weighted by the logit's gradient (Selvaraju et al., "Grad-CAM", ICCV 2017). That gradient is
        the same for all voxels, since the features are only averaged, and comes in closed form: no backend is asked.
        """
        features = self.features(clips)
        weights = self.head.gradient(features)
        return np.maximum(np.einsum("btyxc,bc->btyx", np.maximum(features, 0), weights), 0).astype(np.float32)


def stretched(maps: np.ndarray) -> np.ndarray:
    """(B, t, h, w, k) of any numbers to uint8, each of B x k maps from 0 to 255; one without contrast is 0."""
    low, high = (extreme(maps, axis=(1, 2, 3), keepdims=True) for extreme in (np.min, np.max))
    return np.rint(255 * (maps - low) / np.where(high > low, high - low, 1)).astype(np.uint8)


def coloured(map: np.ndarray) -> np.ndarray:
    """A map of one number a voxel in colours: (t, h, w), at least 0, to (t, h, w, 3) uint8 BGR.

    From 0 (black) over purple and orange to the largest value (light yellow).
    """
    grey = np.rint(255 * map / max(map.max(), np.finfo(np.float32).tiny)).astype(np.uint8)
    return cv2.applyColorMap(grey.reshape(len(grey), -1), cv2.COLORMAP_INFERNO).reshape(*grey.shape, 3)


def zoomed(map: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """A map at the clip's size, linear between the centres of its voxels.

    map: (t, h, w, 3) uint8, or (t, h, w) float32; shape: (T, h, w) of the clip. Returns: the same type at that size.
    """
    if map.ndim == 4:
        return Resize(shape).apply(map)
    return Resize(shape).apply(np.repeat(map[..., None], 3, axis=-1))[..., 0]


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))
