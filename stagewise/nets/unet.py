"""U-Nets for grey images of (H, W): the segmentation winner's three, by their numbers.

Each is a residual encoder, whose layers have the names of the ImageNet files that fill it, and a decoder without norms.

Source: Ronneberger et al., "U-Net", MICCAI 2015; the 1st place of "SIIM-ACR Pneumothorax Segmentation".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stagewise.messages.errors import InputError
from stagewise.nets.maker import BY_FAN_IN, UNIFORM, CountedNet, Maker, layer_name
from stagewise.nets.residual_blocks import Block, basic, bottleneck, squeezed_bottleneck, stages

if TYPE_CHECKING:
    import keras

    from stagewise.nets.counted_layers import Sizes

CHANNELS = 3  # of the encoder's input, as ImageNet's images have: the same grey in each
# torchvision's statistics of ImageNet, in RGB order, laid on three equal channels
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SCALINGS = {  # factor and summand of a grey of 0-255, for each channel
    "unit": ((1 / 255,) * CHANNELS, (0.0,) * CHANNELS),
    "imagenet": (
        tuple(1 / (255 * std) for std in STD),
        tuple(-mean / std for mean, std in zip(MEAN, STD, strict=True)),
    ),
}
STAGES = 4  # of every encoder here: a decoder has a level for each
# Of fewer, TensorFlow 2.21's oneDNN on AVX2 alone gets the gradient of a strided 1x1 convolution's kernel wrong, each
# time in another way, and writes behind its memory
LEAST_WIDTH = 8


class UNet(CountedNet):
    """What is done with a family's numbers.

    `input_shape` is (H, W), pixels; `scaling` is "unit", from 0 to 1, or "imagenet", less ImageNet's mean, by its
    deviation; `blocks` and `widths` are the encoder's, of four stages each; `batch_norm_momentum` is the share of the
    old running statistics that a batch leaves. The weights are those of images of any size.
    """

    input_shape: tuple[int, int]
    scaling: str
    blocks: tuple[int, ...]
    widths: tuple[int, ...]
    batch_norm_momentum: float
    family: str  # the encoder's name, as its ImageNet file has it
    side: int  # every side of an image is a multiple of it
    start: str  # how the decoder's random weights are drawn

    def __post_init__(self) -> None:
        check(self)

    def encoder(self, make: Maker, image: Any) -> list[Any]:
        """The layers from the image on, scaled and of three channels; returns the maps that the decoder takes."""
        raise NotImplementedError

    def decoder(self, make: Maker, maps: list[Any]) -> Any:
        """The layers from the encoder's maps to one as large as the image."""
        raise NotImplementedError

    def scale(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Scale and offset for each channel of a uint8 image: x * scale + offset."""
        return SCALINGS[self.scaling]

    def build(self, seed: int | Sequence[int] = 0, data_format: str = "channels_last") -> "keras.Model":
        """The net with random weights, as `unet_keras.build` says; loads Keras."""
        from stagewise.nets import unet_keras

        return unet_keras.build(self, seed, data_format)

    def backbone(self, model: "keras.Model") -> "keras.Model":
        """A built net's encoder, sharing its weights."""
        import keras

        end = layer_name(f"layer{STAGES}.{self.blocks[-1] - 1}.relu")
        return keras.Model(model.input, model.get_layer(end).output, name="backbone")

    def sizes(self, image: tuple[int, int] | None = None) -> "Sizes":
        """Its parameters and its memory for one image, (H, W) pixels or the input's, counted without Keras."""
        from stagewise.nets import unet_sizes

        return unet_sizes.sizes(self, image or self.input_shape)

    @property
    def map_shapes(self) -> list[tuple[int, int]]:
        """None: the answer is a map itself."""
        return []

    def convolved(self, make: Maker, x: Any, filters: int, name: str) -> Any:
        """A decoder's convolution, 3x3 with a bias, and its ReLU."""
        x = make.convolve(x, filters, (3, 3), (1, 1), name, bias=True, start=self.start)
        return make.relu(x, f"{name}.relu")

    def __str__(self) -> str:
        height, width = self.input_shape
        return f"{type(self).__name__} of blocks {self.blocks} on {height}x{width}"


@dataclass(frozen=True)
class AlbuNet(UNet):
    """A U-Net on ResNet34 that doubles its maps bilinearly: 34,604,897 trainable parameters with the winner's numbers.

    `decoded` are the channels of the last map, of which the decoder's others are multiples; the encoder's first
    pooling is of 2x2, not torchvision's 3x3. What is fresh starts as in PyTorch.
    """

    input_shape: tuple[int, int]
    scaling: str
    blocks: tuple[int, ...] = (3, 4, 6, 3)
    widths: tuple[int, ...] = (64, 128, 256, 512)
    decoded: int = 32
    batch_norm_momentum: float = 0.9
    family = "resnet34"
    side = 64
    start = UNIFORM

    def encoder(self, make: Maker, image: Any) -> list[Any]:
        """Maps of a 4th, an 8th, a 16th and a 32nd of the image's sides."""
        stem = stemmed(make, image, self.widths[0])
        stem = make.max_pool(stem, "maxpool", length=2, both_ends=False)
        return stages(make, stem, basic, self.blocks, self.widths, (2, 2))

    def decoder(self, make: Maker, maps: list[Any]) -> Any:
        """Another pooling, and six times doubled; the stem is joined to nothing."""
        n, c5 = self.decoded, maps[3]
        x = make.max_pool(c5, "center.pool", length=2, both_ends=False)
        x = self._doubled(make, x, 16 * n, 8 * n, "center")
        for skip, inside, filters, name in (
            (c5, 16 * n, 8 * n, "dec5"),
            (maps[2], 16 * n, 8 * n, "dec4"),
            (maps[1], 8 * n, 2 * n, "dec3"),
            (maps[0], 4 * n, 4 * n, "dec2"),
        ):
            x = self._doubled(make, make.concatenate(x, skip, f"{name}.join"), inside, filters, name)
        x = self._doubled(make, x, 4 * n, n, "dec1")
        return self.convolved(make, x, n, "dec0")

    def _doubled(self, make: Maker, x: Any, inside: int, filters: int, name: str) -> Any:
        x = make.double(x, "bilinear", f"{name}.double")
        return self.convolved(make, self.convolved(make, x, inside, f"{name}.conv1"), filters, f"{name}.conv2")


class JoinedUNet(UNet):
    """A U-Net that doubles its maps by repeating places, and joins the stem, too.

    `decoded` are the decoder's channels, level by level from the coarsest, and those of the last map. Its random
    weights are normal by fan in.
    """

    decoded: tuple[int, ...]
    side = 32
    start = BY_FAN_IN

    def decoder(self, make: Maker, maps: list[Any]) -> Any:
        """Doubled, convolved, joined, convolved, four times; doubled and convolved once more."""
        x = maps[-1]
        for level, filters in zip(reversed(range(STAGES)), self.decoded[:-1], strict=True):
            x = self._up(make, x, filters, f"up{level}")
            x = make.concatenate(x, maps[level], f"join{level}.both")
            x = self.gated(make, self.convolved(make, x, filters, f"join{level}.conv"), f"join{level}.scse")
        return self._up(make, x, self.decoded[-1], "last")

    def _up(self, make: Maker, x: Any, filters: int, name: str) -> Any:
        return self.convolved(make, make.double(x, "nearest", f"{name}.double"), filters, f"{name}.conv")

    def gated(self, make: Maker, x: Any, name: str) -> Any:
        """What is done to a join."""
        return x


@dataclass(frozen=True)
class ResNetUNet(JoinedUNet):
    """A U-Net on a bottleneck ResNet: 34,458,177 trainable parameters on the winner's ResNet50."""

    input_shape: tuple[int, int]
    scaling: str
    blocks: tuple[int, ...] = (3, 4, 6, 3)
    widths: tuple[int, ...] = (64, 128, 256, 512)
    decoded: tuple[int, ...] = (256, 256, 128, 64, 64)
    batch_norm_momentum: float = 0.9
    family = "resnet50"

    def encoder(self, make: Maker, image: Any) -> list[Any]:
        """Maps of a half to a 32nd of the image's sides."""
        stem = stemmed(make, image, self.widths[0])
        return [stem, *stages(make, make.max_pool(stem, "maxpool"), bottleneck, self.blocks, self.widths, (2, 2))]


@dataclass(frozen=True)
class SCSEUNet(JoinedUNet):
    """A U-Net on SE-ResNeXt, its joins gated: 41,249,489 trainable parameters on the winner's SE-ResNeXt50 32x4d.

    `groups` are those of the encoder's 3x3 convolutions; `reduction` is how many times fewer channels the encoder's
    gates have inside.
    """

    input_shape: tuple[int, int]
    scaling: str
    blocks: tuple[int, ...] = (3, 4, 6, 3)
    widths: tuple[int, ...] = (64, 128, 256, 512)
    decoded: tuple[int, ...] = (384, 256, 128, 64, 32)
    groups: int = 32
    reduction: int = 16
    batch_norm_momentum: float = 0.9
    family = "se_resnext50_32x4d"

    def encoder(self, make: Maker, image: Any) -> list[Any]:
        """Maps of a half to a 32nd of the image's sides."""
        stem = stemmed(make, image, self.widths[0], "layer0.", start=UNIFORM)
        x = make.max_pool(stem, "layer0.pool", both_ends=False)
        block: Block = squeezed_bottleneck(self.groups, self.reduction)
        return [stem, *stages(make, x, block, self.blocks, self.widths, (2, 2))]

    def gated(self, make: Maker, x: Any, name: str) -> Any:
        """scSE with the greater of both gated maps, the winner's, where the paper has their sum.

        Source: Roy et al., "Concurrent spatial and channel squeeze and excitation", MICCAI 2018.
        """
        channels, one, start = make.channels(x), (1, 1), {"start": self.start}
        gate = make.mean(x, f"{name}.mean")
        gate = make.convolve(gate, channels // 2, one, one, f"{name}.fc1", bias=True, **start)
        gate = make.relu(gate, f"{name}.fc1.relu")
        gate = make.convolve(gate, channels, one, one, f"{name}.fc2", bias=True, **start)
        by_channel = make.multiply(x, make.sigmoid(gate, f"{name}.channel"), f"{name}.by_channel")
        gate = make.sigmoid(make.convolve(x, 1, one, one, f"{name}.conv", **start), f"{name}.spatial")
        return make.maximum(by_channel, make.multiply(x, gate, f"{name}.by_place"), f"{name}.greater")


def stemmed(make: Maker, image: Any, filters: int, prefix: str = "", **options: str) -> Any:
    """An encoder's first convolution, 7x7 and half the sides, its norm and its ReLU."""
    x = make.convolve(image, filters, (7, 7), (2, 2), f"{prefix}conv1", **options)
    return make.relu(make.normalize(x, f"{prefix}bn1"), f"{prefix}relu")


def check(net: UNet) -> None:
    """Raise InputError where no net can have these numbers."""
    if len(net.blocks) != STAGES or len(net.widths) != STAGES or min(net.blocks) < 1 or min(net.widths) < LEAST_WIDTH:
        raise InputError(
            f"a U-Net's encoder has {STAGES} stages of {LEAST_WIDTH} channels or more, not blocks={net.blocks} "
            f"widths={net.widths}"
        )
    if net.scaling not in SCALINGS:
        raise InputError(f"scaling={net.scaling!r} is unknown; known are {', '.join(SCALINGS)}")
    sides = net.input_shape
    if len(sides) != 2 or any(side < 1 or side % net.side for side in sides):
        raise InputError(
            f"input_shape={sides} is not (H, W) of which both are multiples of {net.side} pixels, as "
            f"{type(net).__name__} needs them; mend it on the recipe's page (stagewise/recipes)"
        )
