"""Heat maps of every family of nets: statistics of the features, and Grad-CAM's gradient, whichever way it is had."""

from dataclasses import replace
from functools import cache

import keras
import numpy as np
import pytest
import tiny

from stagewise.heatmaps.laying import Laid
from stagewise.heatmaps.maps import HeatMapper
from stagewise.heatmaps.showing import engine_for
from stagewise.machine import device
from stagewise.machine.engines import KERAS, OPENVINO
from stagewise.messages.errors import InputError
from stagewise.nets.fuse_bn import fuse
from stagewise.nets.net import Grid, MapSource, Net, chosen_block
from stagewise.nets.resnet3d import ResNet3D
from stagewise.nets.video_resnet import VideoResNet
from stagewise.recipes.d121 import D121, DEMO_NET
from stagewise.recipes.r101 import DEMO_NET as R101_DEMO_NET
from stagewise.recipes.r101 import R101

D121_NET = replace(D121.net, input_shape=(16, 32, 40), blocks=(1, 1, 1), growth_rate=4, stem_filters=8, head_units=4)
NETS = {
    "d121": D121_NET,
    "r101": ResNet3D((None, 24, 32), 1, (1, 2, 1), True, (4, 6, 5), 0.9),
    "basic": ResNet3D((16, 24, 32), 2, (1, 1, 1), False, (4, 6, 5), None),
    **{kind: VideoResNet(kind, (None, 24, 32), (1, 1, 1), (4, 6, 5), 5) for kind in ("r3d", "mc3", "r2plus1d")},
}
BLOCKS = (1, 2, 3)  # of each
LAST = BLOCKS[-1]
EACH = [(name, block) for name in NETS for block in BLOCKS]
CASES = [*((name, block) for name in ("d121", "r101") for block in BLOCKS), ("basic", 2), ("r2plus1d", 1), ("mc3", 3)]


def trained(net: Net) -> keras.Model:
    """A net whose norms have something to do, as after training; the same on every backend."""
    model, generator = net.build(), np.random.default_rng(1)
    for layer in model.layers:
        weights = layer.get_weights()
        if weights and weights[0].ndim == 1:
            layer.set_weights([w + generator.uniform(-0.3, 0.3, w.shape) for w in weights])
        elif weights:
            layer.set_weights([generator.normal(0, 1 / np.sqrt(w.size / w.shape[-1]), w.shape) for w in weights])
    return model


MODELS = {name: trained(net) for name, net in NETS.items()}


def clips(net: Net, frames: int = 16) -> np.ndarray:
    """Two clips of noise, as the net takes them."""
    channels = getattr(net, "channels", 3)
    shape = (2, net.input_shape[0] or frames, *net.input_shape[1:], channels)
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def computed(tensor: keras.KerasTensor, model: keras.Model, inputs: np.ndarray) -> np.ndarray:
    return keras.ops.convert_to_numpy(keras.Model(model.input, tensor)(inputs, training=False)).astype(np.float64)


@pytest.mark.parametrize(("name", "block"), CASES)
def test_colours_are_deviation_maximum_and_mean_behind_the_block_each_from_0_to_255(name, block):
    net, model = NETS[name], MODELS[name]
    features = computed(net.map_source(model, block).features, model, clips(net))
    maps = HeatMapper(net, model, block).statistics(clips(net))
    said = replace(net, input_shape=clips(net).shape[1:4]).map_shapes[block - 1]
    assert maps.dtype == np.uint8 and maps.shape == (2, *said, 3)
    for colour, statistic in enumerate((np.std, np.max, np.mean)):
        wanted = statistic(features, axis=-1)
        low, high = (extreme(wanted, axis=(1, 2, 3), keepdims=True) for extreme in (np.min, np.max))
        np.testing.assert_allclose(maps[..., colour], 255 * (wanted - low) / (high - low), atol=0.52)


def test_the_winners_place_is_the_norm_before_the_relu_and_a_residual_blocks_its_end():
    source = NETS["d121"].map_source(MODELS["d121"], LAST)
    assert (computed(source.features, MODELS["d121"], clips(D121_NET)) < 0).any()
    for name in set(NETS) - {"d121"}:
        source = NETS[name].map_source(MODELS[name], LAST)
        assert source.features is source.active is MODELS[name].get_layer("avgpool").input


@pytest.mark.parametrize(("name", "block"), CASES)
def test_gradients_are_those_of_the_nets_own_log_odds(name, block):
    net, model = NETS[name], MODELS[name]
    mapper, source = HeatMapper(net, model, block), net.map_source(model, block)
    features, rest = np.maximum(mapper.features(clips(net)), 0), keras.Model(source.active, model.output)

    def log_odds(channel: int, step: float) -> np.ndarray:
        moved = features.copy()
        moved[..., channel] += step
        p = keras.ops.convert_to_numpy(rest(moved, training=False)).astype(np.float64)[:, 0]
        return np.log(p / (1 - p))

    step, voxels = 2e-3, np.prod(features.shape[1:4])
    wanted = [(log_odds(k, step) - log_odds(k, -step)) / (2 * step * voxels) for k in range(features.shape[-1])]
    found = mapper.gradients(features)
    assert np.abs(found).max() > 1e-3 / voxels
    np.testing.assert_allclose(found, np.transpose(wanted), atol=0.05 * np.abs(found).max())  # ReLUs bend


@pytest.mark.parametrize("name", NETS)
def test_the_closed_form_is_the_backends_gradient(name):
    net, model = NETS[name], MODELS[name]
    mapper, source = HeatMapper(net, model, LAST), net.map_source(model, LAST)
    features = np.maximum(mapper.features(clips(net)), 0)
    log_odds, direction = source.log_odds
    backend = device.gradient(keras.Model(source.active, log_odds), features, direction)
    np.testing.assert_allclose(mapper.gradients(features), backend.mean(axis=(1, 2, 3)), rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize(("name", "block"), CASES)
def test_gradcam_weighs_the_features_and_each_voxel_speaks_for_one_answer_alone(name, block):
    net, noise = NETS[name], clips(NETS[name])
    mapper = HeatMapper(net, MODELS[name], block)
    features = np.maximum(mapper.features(noise), 0)
    sums = (features * mapper.gradients(features)[:, None, None, None]).sum(axis=-1)
    stalled, flowing = mapper.gradcam(noise, True), mapper.gradcam(noise, False)
    np.testing.assert_allclose(stalled - flowing, sums, rtol=1e-4, atol=1e-6 * np.abs(sums).max())
    assert min(stalled.min(), flowing.min()) == 0 and not (stalled * flowing).any()
    np.testing.assert_array_equal(mapper.gradcam(noise, np.array([True, False])), [stalled[0], flowing[1]])


@pytest.mark.parametrize("name", ["d121", "r101", "mc3"])
def test_a_fused_net_gives_the_same_maps(name):
    net, noise, fused = NETS[name], clips(NETS[name]), fuse(MODELS[name])
    for block in BLOCKS:
        ours, theirs = HeatMapper(net, MODELS[name], block), HeatMapper(net, fused, block)
        assert np.abs(ours.statistics(noise).astype(int) - theirs.statistics(noise)).max() <= 1
        cam = ours.gradcam(noise)
        np.testing.assert_allclose(cam, theirs.gradcam(noise), rtol=1e-3, atol=1e-5 * cam.max())


@pytest.mark.parametrize("name", ["d121", "r101"])
@pytest.mark.parametrize("block", [1, LAST])
def test_a_mapper_maps_another_net_when_its_model_has_got_other_weights(name, block):
    net, noise = NETS[name], clips(NETS[name])
    model, other = net.build(seed=2), net.build(seed=3)
    mapper = HeatMapper(net, model, block)
    model.set_weights(other.get_weights())
    mapper.read_weights()
    alone = HeatMapper(net, other, block)
    np.testing.assert_allclose(mapper.gradcam(noise), alone.gradcam(noise), rtol=1e-5)
    np.testing.assert_array_equal(mapper.statistics(noise), alone.statistics(noise))


SIZE = (48, 48, 64)  # of a clip with a spot


@cache
def seeing_brightness(name: str) -> tuple[Net, keras.Model]:
    """A net with weights that only add up: the brighter a place, the larger every feature that sees it."""
    net = replace(NETS[name], input_shape=SIZE, batch_norm_momentum=0.9)  # for a norm by clip would take the mean away
    model = net.build()
    for layer in model.layers:
        if (weights := layer.get_weights()) and weights[0].ndim > 1:
            layer.set_weights([np.full_like(w, 1 / w[..., 0].size if w.ndim > 1 else 0) for w in weights])
    return net, model


@pytest.mark.parametrize(("name", "block"), EACH)
def test_a_bright_spot_is_the_peak_of_the_map_laid_on_its_clip(name, block):
    net, model = seeing_brightness(name)
    mapper = HeatMapper(net, model, block)
    grid = mapper.grid
    voxel = tuple(length // 2 for length in net.map_shapes[block - 1])
    place = tuple(first + step * number for first, step, number in zip(grid.first, grid.steps, voxel, strict=True))
    layer = model.get_layer("preprocessing")
    dark = -np.array(layer.offset) / np.array(layer.scale)
    clip = np.broadcast_to(np.rint(dark), (1, *SIZE, model.input.shape[-1])).astype(np.uint8)  # 0 for the layers
    clip[(0, *(slice(max(at - 1, 0), at + 2) for at in place))] = 255
    (heat,) = mapper.gradcam(clip)
    assert np.unravel_index(heat.argmax(), heat.shape) == voxel
    assert np.unravel_index(Laid(heat, grid, SIZE).zoomed(SIZE).argmax(), SIZE) == place


class Brightness:
    """A net by hand, of no family: the mean brightness of cells of 4 frames, 2 rows and 2 columns; black speaks, too.

    Log odds are the mean over cells of brightness, less `dark` for each black one.
    """

    input_shape = (None, 12, 12)
    map_shapes = ((16, 6, 6),)
    map_method = "gradcam"

    def __init__(self, dark: float) -> None:
        self.dark = dark

    def build(self, seed: int = 0, data_format: str = "channels_last") -> keras.Model:
        clip = keras.Input((*self.input_shape, 1), dtype="uint8", name="clip")
        x = keras.layers.Rescaling(1 / 255)(clip)
        x = keras.layers.AveragePooling3D((4, 2, 2), name="cells")(x)
        both = keras.layers.Lambda(lambda cells: keras.ops.concatenate([cells, 1 - cells], axis=-1), name="both")(x)
        mean = keras.layers.GlobalAveragePooling3D()(both)
        x = keras.layers.Dense(1, name="log_odds")(mean)
        model = keras.Model(clip, keras.layers.Activation("sigmoid")(x))
        model.get_layer("log_odds").set_weights([np.array([[1.0], [-self.dark]]), np.zeros(1)])
        return model

    def map_source(self, model: keras.Model, block: int) -> MapSource:
        features, dense = model.get_layer("both").output, model.get_layer("log_odds")
        grid = Grid(first=(2, 1, 1), steps=(4, 2, 2))  # the middles, rounded up
        return MapSource(features, features, -1, grid, (dense.output, np.ones(1, np.float32)))


def test_a_net_by_hand_is_mapped_by_what_it_says_of_itself():
    net = Brightness(dark=0)
    clip = np.zeros((1, 16, 12, 12, 1), np.uint8)
    clip[0, 8:12, 4:6, 8:10] = 255
    mapper = HeatMapper(net, net.build(), 1)
    (heat,) = mapper.gradcam(clip)
    assert np.argwhere(heat).tolist() == [[2, 2, 4]]
    volume = 16, 24, 36  # the clip as it was before it became the net's
    shown = Laid(heat, mapper.grid, (16, 12, 12)).zoomed(volume)
    frame, row, column = np.unravel_index(shown.argmax(), volume)
    assert (frame, row, column) in {(10, 10, 28), (10, 11, 28)}  # the middle of frames 8-11, rows 8-11, columns 24-29
    assert np.abs(shown[10, 10, 28] - heat.max()) < 0.3 * heat.max()


@pytest.mark.parametrize("method", ["statistics", "gradcam"])
def test_a_map_never_shows_padding_and_is_not_stretched_by_it(method):
    net = Brightness(dark=3)
    mapper = HeatMapper(net, net.build(), 1)
    clip = np.zeros((1, 24, 12, 12, 1), np.uint8)  # of which 11 frames are the clip's own, and not one cell is black
    clip[:, :11] = np.random.default_rng(0).integers(120, 250, (1, 11, 12, 12, 1))

    def maps(clips: np.ndarray) -> np.ndarray:
        if method == "statistics":
            return mapper.statistics(clips, 11)
        return mapper.gradcam(clips, False, 11)

    whole = mapper.gradcam(clip, False)[0]
    assert whole[3:].min() > 2 * whole[:2].max()  # what is behind the clip speaks for "flowing" the most
    (heat,) = maps(clip)
    assert len(heat) == 3  # whose middles lie on frames 2, 6 and 10
    laid = Laid(heat, mapper.grid, (11, 12, 12))
    shown = laid.coloured((11, 12, 12))
    assert shown.shape == (11, 12, 12, 3) and shown.max() > 200
    np.testing.assert_array_equal(
        laid.zoomed((11, 12, 12))[10], Laid(heat[2:], mapper.grid, (1, 12, 12)).zoomed((1, 12, 12))[0]
    )


def test_padding_counts_for_the_answer_and_so_for_the_weights_of_its_map():
    net = NETS["r101"]
    mapper, noise = HeatMapper(net, MODELS["r101"], 1), clips(net)
    padded = np.concatenate([noise, np.zeros_like(noise)], axis=1)
    own = mapper.gradcam(padded, True, 16)
    assert own.shape == mapper.gradcam(noise).shape
    np.testing.assert_array_equal(own, mapper.gradcam(padded)[:, : own.shape[1]])


def test_the_recipes_map_lies_behind_the_last_block_and_the_demos_behind_one_that_has_room_for_it():
    assert D121.net.map_shapes[-1] == (3, 4, 4)
    assert [chosen_block(net) for net in (D121.net, DEMO_NET, R101.net, R101_DEMO_NET)] == [4, 2, 4, 3]
    assert chosen_block(DEMO_NET, 4) == 4
    assert chosen_block(D121_NET) == 1  # none has room: the finest
    with pytest.raises(InputError, match="no block 5; give --block 1 to 4"):
        chosen_block(DEMO_NET, 5)


@pytest.mark.parametrize("net", [D121.net, R101.net], ids=["d121", "r101"])
def test_gradients_before_the_last_block_ask_for_an_engine_that_has_them(net):
    assert engine_for(net, "gradcam", 4, None) is None and engine_for(net, "gradcam", 4, OPENVINO) == OPENVINO
    assert engine_for(net, "statistics", 1, OPENVINO) == OPENVINO
    assert engine_for(net, "gradcam", 3, None) == KERAS
    with pytest.raises(InputError, match="block 3 takes gradients, which OpenVINO lacks; leave --engine out"):
        engine_for(net, "gradcam", 3, OPENVINO)


def test_each_recipe_has_its_own_way_to_draw_a_map():
    assert {name: make().net.map_method for name, make in tiny.RECIPES.items()} == {
        "d121": "statistics",
        "r101": "gradcam",
        "vote": "gradcam",
    }


CELLS = Grid(first=(0, 0, 0), steps=(5, 7, 9))


def test_zooming_keeps_type_and_range_and_puts_a_voxel_where_it_lies():
    heat = np.zeros((2, 3, 4, 3), np.uint8)
    heat[1, 2, 0] = 9, 99, 199
    alike = Laid(heat, Grid((0, 0, 0), (1, 1, 1)), (2, 3, 4))
    np.testing.assert_array_equal(alike.zoomed((2, 3, 4)), heat)
    large = Laid(heat, CELLS, (10, 21, 36)).zoomed((10, 21, 36))
    assert large.dtype == np.uint8 and large.shape == (10, 21, 36, 3)
    assert large[5, 14, 0].tolist() == large[9, 20, 0].tolist() == [9, 99, 199]  # its middle, and level behind it
    assert not large[0].any() and not large[:, :8].any() and not large[:, :, 9:].any()
    alone = Laid(heat[..., 2].astype(np.float32), CELLS, (10, 21, 36)).zoomed((10, 21, 36))
    np.testing.assert_allclose(alone, large[..., 2], atol=0.5)
    twice = Laid(heat, CELLS, (10, 21, 36)).zoomed((20, 42, 72))  # a clip that the net sees at half its size
    np.testing.assert_allclose(twice.reshape(10, 2, 21, 2, 36, 2, 3).mean(axis=(1, 3, 5)), large, atol=12)


def test_colours_grow_from_black_with_the_map():
    heat = np.arange(4, dtype=np.float32).reshape(1, 2, 2)

    def coloured(heat: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
        return Laid(heat, Grid((0, 0, 0), (1, 1, 1)), (1, 2, 2)).coloured(shape)

    shown = coloured(heat, (1, 2, 2)).astype(int).sum(axis=-1).ravel()
    assert shown[0] < 10 and (np.diff(shown) > 50).all()
    np.testing.assert_array_equal(coloured(7 * heat, (3, 4, 4)), coloured(heat, (3, 4, 4)))
    assert coloured(0 * heat, (3, 4, 4)).max() < 10
