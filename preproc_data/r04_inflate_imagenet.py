"""Make the first weights of a recipe: DenseNet121's from its 2D ImageNet ones, or a video net's from Kinetics-400's.

    python preproc_data/r04_inflate_imagenet.py
    python preproc_data/r04_inflate_imagenet.py --weights r2plus1d_18-91a641e6.pth
    python preproc_data/r04_inflate_imagenet.py --weights densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5

Reads:  the weights of keras.applications.DenseNet121 without its top: the h5 file of --weights, else what
        Keras holds in ~/.keras/models or fetches from the internet; or torchvision's r2plus1d_18-91a641e6.pth,
        mc3_18-a90a0ba3.pth or r3d_18-b3b3357e.pth of download.pytorch.org/models, without PyTorch; for the X-rays
        resnet34-333f7ec4.pth and resnet50-19c8e357.pth from there, and se_resnext50_32x4d-a260b3a4.pth of
        data.lip6.fr/cadene/pretrainedmodels
Writes: models/imagenet_densenet121_3d.weights.h5 (46 MB), models/kinetics400_<net>_18.weights.h5, or
        models/imagenet_<encoder>.weights.h5, for any head: load it into backbone(model)
Time:   15 seconds
Expect: 11,370,176 parameters (R(2+1)D 31,300,125, MC3 11,490,240, R3D 33,166,272)
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback

from stagewise.console import cli
from stagewise.training.first_weights import make_first_weights


def main() -> None:
    """Make what the command line asks for."""
    make_first_weights(__doc__)


if __name__ == "__main__":
    cli.run(main)
