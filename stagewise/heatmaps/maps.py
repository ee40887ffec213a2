"""Where a net looks: maps of the features behind one of its blocks.

A map is as coarse as these features: behind the last block of the winning recipe's net, where the recipe takes it,
(3, 4, 4) voxels for a clip at (96, 128, 128), and (1, 2, 2) at the demo's (32, 64, 64). It is zoomed linearly, so that
it looks smooth and is no finer; and as a voxel has seen most of the clip through the layers below, it says where the
net weighs what it found, rather than which pixels it found it in. Earlier blocks give finer maps of simpler features.
"""

import keras
import numpy as np

from stagewise.machine import device
from stagewise.machine.engines import predictor
from stagewise.nets.net import Grid, Net


class HeatMapper:
    """Heat maps of one trained net, on whatever engine `device.prepare` has set up.

    block: behind which the features are taken, from 1; grid: where a map's voxels lie on the net's clip.
    """

    def __init__(self, net: Net, model: keras.Model, block: int, openvino_precision: str = "f32") -> None:
        """model: that `net` built, with trained weights, fused or not; openvino_precision: of `engines.predictor`."""
        self.block, self._net, self._model, self._precision = block, net, model, openvino_precision
        self._behind = keras.Model(model.input, net.map_source(model, block).features)
        self.read_weights()

    def read_weights(self) -> None:
        """See what the model has learnt; to be called again where it has got other weights since."""
        self._source = self._net.map_source(self._model, self.block)
        self._predict = predictor(self._behind, self._precision)

    @property
    def grid(self) -> Grid:
        """Where a map's voxels lie on the net's clip."""
        return self._source.grid

    def features(self, clips: np.ndarray) -> np.ndarray:
        """What is behind the block, before its ReLU where the net's family has it there.

        clips: (B, T, H, W, C) uint8, as the net sees them. Returns: (B, t, h, w, channels) float32.
        """
        return np.moveaxis(np.asarray(self._predict(clips), np.float32), self._source.channels, -1)

    def statistics(self, clips: np.ndarray, frames: int | None = None) -> np.ndarray:
        """The winning recipe's map: per voxel over channels, standard deviation (blue), maximum (green), mean (red).

        clips: (B, T, H, W, C) uint8; frames: how many are the clips' own, the rest being padding. Returns: (B, t, h, w,
        3) uint8 of these frames alone, each colour stretched over a clip's voxels from its least (0) to its largest
        value (255): a colour compares voxels of one clip, not clips.
        """
        features = self._own(self.features(clips), frames)
        maps = np.stack([features.std(axis=-1), features.max(axis=-1), features.mean(axis=-1)], axis=-1)
        return _stretched(maps)

    def gradcam(self, clips: np.ndarray, stalled: bool | np.ndarray = True, frames: int | None = None) -> np.ndarray:
        """Grad-CAM in 3D: what speaks for "stalled", or for "flowing", and where.

        clips, frames: as for `statistics`, padding being seen as when the net answers, and then cut off; stalled: the
        answer to explain, one for all clips or (B,). Returns: (B, t, h, w) float32, at least 0: the features behind
        their ReLU, weighted by the mean over voxels of the gradient of the answer's log odds, summed over channels,
        what speaks against the answer cut off (Selvaraju et al., "Grad-CAM", ICCV 2017). Raises InputError where
        `gradients` does.
        """
        features = np.maximum(self.features(clips), 0)
        signs = np.where(stalled, 1, -1).reshape(-1, 1)  # the odds of "flowing" are the inverse
        weights = self.gradients(features) * signs
        return np.maximum(np.einsum("btyxc,bc->btyx", self._own(features, frames), weights), 0)

    def gradients(self, features: np.ndarray) -> np.ndarray:
        """How the log odds of "stalled" grow with each channel of the features: the mean over voxels.

        features: (B, t, h, w, channels) float32, behind the ReLU. Returns: (B, channels) float32. Behind the last block
        they come in closed form, on every engine; before it from the backend: InputError on OpenVINO.
        """
        source = self._source
        if source.slopes is not None:
            return source.slopes(features.mean(axis=(1, 2, 3))) / np.prod(features.shape[1:4])
        log_odds, direction = source.log_odds
        rest = keras.Model(source.active, log_odds)
        gradient = device.gradient(rest, np.moveaxis(features, -1, source.channels), direction)
        return np.moveaxis(gradient, source.channels, -1).mean(axis=(1, 2, 3))

    def _own(self, maps: np.ndarray, frames: int | None) -> np.ndarray:
        """Of maps (B, t, ...) the voxels whose middle lies on one of the clips' own frames."""
        return maps if frames is None else maps[:, : self.grid.voxels(frames)]


def _stretched(maps: np.ndarray) -> np.ndarray:
    """(B, t, h, w, k) of any numbers to uint8, each of B x k maps from 0 to 255; one without contrast is 0."""
    low, high = (extreme(maps, axis=(1, 2, 3), keepdims=True) for extreme in (np.min, np.max))
    return np.rint(255 * (maps - low) / np.where(high > low, high - low, 1)).astype(np.uint8)
