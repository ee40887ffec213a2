"""Heat maps: the recipe's statistics of the features, and Grad-CAM's gradient, whichever way it is had."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from stagewise.heatmaps.maps import HeatMapper, coloured, zoomed
from stagewise.machine import device
from stagewise.messages.errors import InputError
from stagewise.nets.densenet3d import block_norms, densenet3d
from stagewise.nets.fuse_bn import fuse
from stagewise.nets.net import chosen_block
from stagewise.recipes.d121 import D121, DEMO_NET

NET = replace(D121.net, input_shape=(16, 32, 40), blocks=(1, 1, 1), growth_rate=4, stem_filters=8, head_units=4)
CLIPS = np.random.default_rng(0).integers(0, 256, (2, 16, 32, 40, 3), np.uint8)
BLOCKS = (1, 2, 3)


@pytest.fixture(scope="module")
def net():
    """A net whose BatchNorms have something to do, as after training; the same on every backend."""
    net, generator = densenet3d(NET), np.random.default_rng(1)
    for layer in net.layers:
        weights = layer.get_weights()
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([w + generator.uniform(-0.3, 0.3, w.shape) for w in weights])
        elif weights and weights[0].ndim > 1:
            layer.set_weights([generator.normal(0, 1 / np.sqrt(w.size / w.shape[-1]), w.shape) for w in weights])
    return net


def behind(net: keras.Model, block: int, layer: str) -> keras.Model:
    """The net from a block's ReLU to a layer."""
    active = net.get_layer(block_norms(net)[block - 1].name.removesuffix("bn") + "relu").output
    return keras.Model(active, net.get_layer(layer).output)


@pytest.mark.parametrize("block", BLOCKS)
def test_colours_are_deviation_maximum_and_mean_of_the_batch_norm_each_from_0_to_255(net, block):
    mapper = HeatMapper(net, block)
    norm = keras.Model(net.input, block_norms(net)[block - 1].output)
    features = keras.ops.convert_to_numpy(norm(CLIPS, training=False)).astype(np.float64)
    maps = mapper.statistics(CLIPS)
    assert maps.dtype == np.uint8 and maps.shape == (2, *mapper.shape, 3)
    assert mapper.shape == NET.map_shapes[block - 1]
    for colour, statistic in enumerate((np.std, np.max, np.mean)):
        wanted = statistic(features, axis=-1)
        low, high = (extreme(wanted, axis=(1, 2, 3), keepdims=True) for extreme in (np.min, np.max))
        np.testing.assert_allclose(maps[..., colour], 255 * (wanted - low) / (high - low), atol=0.51)


@pytest.mark.parametrize("block", BLOCKS)
def test_gradients_are_those_of_the_nets_own_log_odds(net, block):
    mapper = HeatMapper(net, block)
    features, rest = np.maximum(mapper.features(CLIPS), 0), behind(net, block, "probability")

    def log_odds(channel: int, step: float) -> np.ndarray:
        moved = features.copy()
        moved[..., channel] += step
        p = keras.ops.convert_to_numpy(rest(moved, training=False)).astype(np.float64)[:, 0]
        return np.log(p / (1 - p))

    step, voxels = 2e-3, np.prod(mapper.shape)
    wanted = [(log_odds(k, step) - log_odds(k, -step)) / (2 * step * voxels) for k in range(features.shape[-1])]
    found = mapper.gradients(features)
    assert np.abs(found).max() > 1e-3 / voxels
    np.testing.assert_allclose(found, np.transpose(wanted), atol=0.05 * np.abs(found).max())  # ReLUs bend


def test_the_closed_form_is_the_backends_gradient(net):
    mapper = HeatMapper(net, 3)
    features = np.maximum(mapper.features(CLIPS), 0)
    logit = net.get_layer("probability").get_weights()[0][:, 0]
    backend = device.gradient(behind(net, 3, "head"), features, logit)
    np.testing.assert_allclose(mapper.gradients(features), backend.mean(axis=(1, 2, 3)), rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("block", BLOCKS)
def test_gradcam_weighs_the_features_and_each_voxel_speaks_for_one_answer_alone(net, block):
    mapper = HeatMapper(net, block)
    features = np.maximum(mapper.features(CLIPS), 0)
    sums = (features * mapper.gradients(features)[:, None, None, None]).sum(axis=-1)
    stalled, flowing = mapper.gradcam(CLIPS, True), mapper.gradcam(CLIPS, False)
    np.testing.assert_allclose(stalled - flowing, sums, rtol=1e-4, atol=1e-6 * np.abs(sums).max())
    assert min(stalled.min(), flowing.min()) == 0 and not (stalled * flowing).any()
    np.testing.assert_array_equal(mapper.gradcam(CLIPS, np.array([True, False])), [stalled[0], flowing[1]])


def test_a_fused_net_gives_the_same_maps(net):
    fused = fuse(net)
    for block in BLOCKS:
        ours, theirs = HeatMapper(net, block), HeatMapper(fused, block)
        assert np.abs(ours.statistics(CLIPS).astype(int) - theirs.statistics(CLIPS)).max() <= 1
        np.testing.assert_allclose(ours.gradcam(CLIPS), theirs.gradcam(CLIPS), rtol=1e-3, atol=1e-6)


def test_the_recipes_map_lies_behind_the_last_block_and_the_demos_behind_one_that_has_room_for_it():
    assert D121.net.map_shapes[-1] == (3, 4, 4)
    assert chosen_block(D121.net) == 4
    assert chosen_block(DEMO_NET) == 2
    assert chosen_block(DEMO_NET, 4) == 4
    assert chosen_block(NET) == 1  # none has room: the finest
    with pytest.raises(InputError, match="no block 5; give --block 1 to 4"):
        chosen_block(DEMO_NET, 5)


def test_zooming_keeps_type_and_range_and_puts_a_voxel_where_it_lies():
    map = np.zeros((2, 3, 4, 3), np.uint8)
    map[1, 2, 0] = 9, 99, 199
    np.testing.assert_array_equal(zoomed(map, (2, 3, 4)), map)
    large = zoomed(map, (10, 21, 36))
    assert large.dtype == np.uint8 and large.shape == (10, 21, 36, 3)
    assert large[7, 17, 4].tolist() == [9, 99, 199]  # the middle of its 5 frames, 7 rows and 9 columns
    assert not large[2].any() and not large[:, :10].any() and not large[:, :, 14:].any()
    alone = zoomed(map[..., 2].astype(np.float32), (10, 21, 36))
    np.testing.assert_allclose(alone, large[..., 2], atol=0.5)


def test_colours_grow_from_black_with_the_map():
    map = np.arange(4, dtype=np.float32).reshape(1, 2, 2)
    shown = coloured(map, (1, 2, 2)).astype(int).sum(axis=-1).ravel()
    assert shown[0] < 10 and (np.diff(shown) > 50).all()
    np.testing.assert_array_equal(coloured(7 * map, (3, 4, 4)), coloured(map, (3, 4, 4)))
    assert coloured(0 * map, (3, 4, 4)).max() < 10
