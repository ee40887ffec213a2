"""The sizes of a U-Net, counted by its own layers: for estimates before Keras is loaded."""

from stagewise.nets.counted_layers import CountedLayers, Sizes
from stagewise.nets.maker import Axes
from stagewise.nets.unet import CHANNELS, UNet


def sizes(net: UNet, image: Axes) -> Sizes:
    """Count a net for images of (H, W) pixels."""
    layers = CountedLayers(statistics=2)
    start = layers.start(image, 1, CHANNELS, CHANNELS)  # image, its three channels, preprocessing
    x = net.decoder(layers, net.encoder(layers, start))
    layers.convolve(x, 1, (1, 1), (1, 1), "logits", bias=True)
    return Sizes(layers.parameters, layers.running, layers.floats, layers.multiply_adds)
