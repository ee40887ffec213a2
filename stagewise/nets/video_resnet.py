"""Video ResNets R3D, MC3 and R(2+1)D: the third place's nets, with torchvision's layers and names.

Source: Tran et al., "A closer look at spatiotemporal convolutions for action recognition", CVPR 2018.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stagewise.messages.errors import InputError
from stagewise.nets.maker import Axes, Maker
from stagewise.nets.residual import ResidualNet, check
from stagewise.nets.residual_blocks import Block, joined, stage

# Kinetics-400's statistics, in RGB order, laid on BGR channels: the winner's, whose weights were trained on RGB
MEAN = (0.43216, 0.394666, 0.37645)
STD = (0.22803, 0.22145, 0.216989)
STEM_STRIDES = (1, 2, 2)
WHOLE = (1, 1, 1)  # a stride that leaves every place

# maker, tensor, filters, middle width of a pair, strides, name
Convolution = Callable[[Maker, Any, int, int, Axes, str], Any]


@dataclass(frozen=True)
class VideoResNet(ResidualNet):
    """The numbers of a net that has blocks of two 3D convolutions, each of its kind.

    `family` is "r3d", whole 3x3x3 convolutions; "mc3", whole ones in the first stage and 1x3x3 behind it, so that no
    frame is lost; or "r2plus1d", a 1x3x3 convolution and a 3x1x1 one behind it in place of each. `input_shape` is
    (T, H, W), frames and pixels, T None for clips of any length; `blocks` are the blocks of each stage and `widths`
    its channels, of which the stem has the first; `stem_middle` are the channels between the two convolutions of
    "r2plus1d"'s stem; `batch_norm_momentum` is None for a norm by each clip's own statistics, the winner's, else the
    share of the old running statistics that a batch leaves.

    With the third place's numbers "r3d" has 33,166,785 parameters, "mc3" 11,490,753, "r2plus1d" 31,300,638.
    """

    family: str
    input_shape: tuple[int | None, int, int]
    blocks: tuple[int, ...]
    widths: tuple[int, ...]
    stem_middle: int
    batch_norm_momentum: float | None = None
    channels = 3  # BGR

    def __post_init__(self) -> None:
        check(self)
        if self.family not in FAMILIES:
            raise InputError(f"family={self.family!r} is no video ResNet; known are {', '.join(FAMILIES)}")

    def preprocessing(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """(x / 255 - mean) / std for each channel."""
        pairs = list(zip(MEAN, STD, strict=True))
        return tuple(1 / (255 * std) for _, std in pairs), tuple(-mean / std for mean, std in pairs)

    def stages(self, make: Maker, clip: Any) -> list[Any]:
        """Stem without a pooling, and the stages, of which each but the first halves the axes of its kind."""
        x, ends = self._stem(make, clip), []
        first, rest = FAMILIES[self.family]
        for number, (depth, width) in enumerate(zip(self.blocks, self.widths, strict=True), start=1):
            block = _block(first if number == 1 else rest)
            later = (1, 2, 2) if rest is _flat else (2, 2, 2)
            x = stage(make, x, block, depth, width, WHOLE if number == 1 else later, f"layer{number}")
            ends.append(x)
        return ends

    def _stem(self, make: Maker, x: Any) -> Any:
        if self.family != "r2plus1d":
            return _normalized(make, make.convolve(x, self.widths[0], (3, 7, 7), STEM_STRIDES, "stem.0"), "stem.1")
        x = _normalized(make, make.convolve(x, self.stem_middle, (1, 7, 7), STEM_STRIDES, "stem.0"), "stem.1")
        return _normalized(make, make.convolve(x, self.widths[0], (3, 1, 1), WHOLE, "stem.3"), "stem.4")


def _block(convolve: Convolution) -> Block:
    def block(make: Maker, x: Any, width: int, strides: Axes, name: str) -> Any:
        middle = _middle(make.channels(x), width)
        y = convolve(make, x, width, middle, strides, f"{name}.conv1.0")
        y = _normalized(make, y, f"{name}.conv1.1")
        y = convolve(make, y, width, middle, WHOLE, f"{name}.conv2.0")
        return joined(make, x, make.normalize(y, f"{name}.conv2.1"), strides, name)

    return block


def _middle(entering: int, leaving: int) -> int:
    """A pair's middle width, with which it has about the parameters of a 3x3x3 convolution.

    Of the widths of the block, for both of its pairs: torchvision's own reading, which its weights are of.
    """
    return 27 * entering * leaving // (9 * entering + 3 * leaving)


def _whole(make: Maker, x: Any, filters: int, middle: int, strides: Axes, name: str) -> Any:
    return make.convolve(x, filters, (3, 3, 3), strides, name)


def _flat(make: Maker, x: Any, filters: int, middle: int, strides: Axes, name: str) -> Any:
    return make.convolve(x, filters, (1, 3, 3), strides, name)


def _pair(make: Maker, x: Any, filters: int, middle: int, strides: Axes, name: str) -> Any:
    frames, *sides = strides
    x = make.convolve(x, middle, (1, 3, 3), (1, *sides), f"{name}.0")
    x = _normalized(make, x, f"{name}.1")
    return make.convolve(x, filters, (3, 1, 1), (frames, 1, 1), f"{name}.3")


def _normalized(make: Maker, x: Any, name: str) -> Any:
    return make.relu(make.normalize(x, name), f"{name}.relu")


FAMILIES = {"r3d": (_whole, _whole), "mc3": (_whole, _flat), "r2plus1d": (_pair, _pair)}  # first stage, all behind it
