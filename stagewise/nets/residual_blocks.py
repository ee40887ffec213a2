"""The blocks of residual nets, of two axes or three, with the names of their peers in PyTorch.

Source: He et al., "Deep residual learning for image recognition", CVPR 2016.
"""

from collections.abc import Callable
from typing import Any

from stagewise.nets.maker import BY_FAN_OUT, UNIFORM, Axes, Maker, whole

Block = Callable[[Maker, Any, int, Axes, str], Any]  # maker, tensor, width, strides, name
EXPANSION = 4  # a bottleneck's last convolution has 4 x its width (He et al.)


def stages(
    make: Maker, x: Any, block: Block, blocks: tuple[int, ...], widths: tuple[int, ...], strides: Axes
) -> list[Any]:
    """`layer1`, `layer2`, ..., of which each but the first takes the strides; returns what each made."""
    ends = []
    for number, (depth, width) in enumerate(zip(blocks, widths, strict=True), start=1):
        x = stage(make, x, block, depth, width, whole(strides) if number == 1 else strides, f"layer{number}")
        ends.append(x)
    return ends


def stage(make: Maker, x: Any, block: Block, depth: int, width: int, strides: Axes, name: str) -> Any:
    """`depth` blocks in a row, of which the first takes the strides."""
    for index in range(depth):
        x = block(make, x, width, strides if index == 0 else whole(strides), f"{name}.{index}")
    return x


def basic(make: Maker, x: Any, width: int, strides: Axes, name: str) -> Any:
    """Two convolutions of `width` channels."""
    one, three = whole(strides), (3,) * len(strides)
    y = make.convolve(x, width, three, strides, f"{name}.conv1")
    y = make.relu(make.normalize(y, f"{name}.bn1"), f"{name}.relu1")
    y = make.convolve(y, width, three, one, f"{name}.conv2")
    return joined(make, x, make.normalize(y, f"{name}.bn2"), strides, name)


def bottleneck(make: Maker, x: Any, width: int, strides: Axes, name: str) -> Any:
    """One place wide, three with the strides, one again with 4 x `width` channels."""
    y = narrowed(make, x, width, EXPANSION * width, strides, name)
    return joined(make, x, y, strides, name)


def narrowed(
    make: Maker,
    x: Any,
    width: int,
    filters: int,
    strides: Axes,
    name: str,
    groups: int = 1,
    start: str = BY_FAN_OUT,
) -> Any:
    """A bottleneck's three convolutions and their norms; `width` channels between, in groups, `filters` behind."""
    one, three = whole(strides), (3,) * len(strides)
    y = make.convolve(x, width, one, one, f"{name}.conv1", start=start)
    y = make.relu(make.normalize(y, f"{name}.bn1"), f"{name}.relu1")
    y = make.convolve(y, width, three, strides, f"{name}.conv2", groups=groups, start=start)
    y = make.relu(make.normalize(y, f"{name}.bn2"), f"{name}.relu2")
    y = make.convolve(y, filters, one, one, f"{name}.conv3", start=start)
    return make.normalize(y, f"{name}.bn3")


def joined(make: Maker, x: Any, transformed: Any, strides: Axes, name: str, start: str = BY_FAN_OUT) -> Any:
    """A block's end: what it made of x, added to x, and the ReLU, which is called `<name>.relu`.

    Where strides or channels change, x goes through a convolution of one place and a BatchNorm ("type B").
    """
    channels, one = make.channels(transformed), whole(strides)
    if strides != one or channels != make.channels(x):
        x = make.convolve(x, channels, one, strides, f"{name}.downsample.0", start=start)
        x = make.normalize(x, f"{name}.downsample.1")
    return make.relu(make.add(transformed, x, f"{name}.add"), f"{name}.relu")


def squeezed_bottleneck(groups: int, reduction: int) -> Block:
    """The SE-ResNeXt's: 2 x `width` channels in groups between its ends, and its result gated channel by channel.

    reduction: how many times fewer channels a gate has inside. Source: Xie et al., "Aggregated residual
    transformations", CVPR 2017; Hu et al., "Squeeze-and-excitation networks", CVPR 2018. Random weights are PyTorch's
    default: the peer states no other.
    """

    def block(make: Maker, x: Any, width: int, strides: Axes, name: str) -> Any:
        y = narrowed(make, x, 2 * width, EXPANSION * width, strides, name, groups=groups, start=UNIFORM)
        inside, one = EXPANSION * width // reduction, whole(strides)
        gate = make.mean(y, f"{name}.se_module.mean")
        for part, filters, end in (("fc1", inside, make.relu), ("fc2", EXPANSION * width, make.sigmoid)):
            gate = make.convolve(gate, filters, one, one, f"{name}.se_module.{part}", bias=True, start=UNIFORM)
            gate = end(gate, f"{name}.se_module.{part}.end")
        y = make.multiply(y, gate, f"{name}.se_module.scale")
        return joined(make, x, y, strides, name, start=UNIFORM)

    return block
