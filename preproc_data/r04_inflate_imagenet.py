"""Turn the ImageNet weights of the 2D DenseNet121 into the start of the 3D net.

    python preproc_data/r04_inflate_imagenet.py
    python preproc_data/r04_inflate_imagenet.py --weights densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5

Reads:  the weights of keras.applications.DenseNet121 without its top: the h5 file of --weights, else what
        Keras holds in ~/.keras/models or fetches from the internet
Writes: models/imagenet_densenet121_3d.weights.h5 (46 MB), for any head: load it into backbone(model)
Time:   15 seconds
Expect: 11,370,176 parameters
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback
import sys
from pathlib import Path

from stagewise.console import cli
from stagewise.console.ending import command, ending
from stagewise.files import paths
from stagewise.files.leftovers import remove_leftovers
from stagewise.messages.commands import INFLATE
from stagewise.messages.errors import InputError, StagewiseError

FILE = "densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5"
MENDS = (
    f"download {FILE} from the Keras applications release, storage.googleapis.com/tensorflow/keras-applications/"
    f"densenet/{FILE}, put it into ~/.keras/models, or anywhere and run: "
    f"{INFLATE} --weights {FILE}"
)


def load_imagenet(weights: Path | None):
    """keras.applications' DenseNet121 without its top; only numbers are read from the file, never a model."""
    import keras

    from stagewise.files.weight_files import load_weights

    if weights is not None:
        net = keras.applications.DenseNet121(include_top=False, weights=None)
        load_weights(net, weights.absolute(), MENDS)
        return net
    if not sys.stdout.isatty():
        keras.config.disable_interactive_logging()  # the bar of its download is drawn with control characters
    try:
        return keras.applications.DenseNet121(include_top=False, weights="imagenet")
    except Exception as error:  # keras raises bare Exception where a download fails
        raise StagewiseError(f"the ImageNet weights could not be fetched ({error}); {MENDS}") from error


def main() -> None:
    """Inflate the 2D net's weights into the 3D net's, and write these."""
    parser = cli.parser(__doc__, "dry-run", "force")
    parser.add_argument("--weights", type=Path, metavar="H5", help="the 2D weights (default: Keras fetches them)")
    arguments = parser.parse_args()
    target = paths.imagenet_weights()
    source, following = arguments.weights, command("net_d121_stage1/r31_train.py")
    if source is not None and not source.is_file():
        raise InputError(f"no file {source}; {MENDS}")
    if target.exists() and not arguments.force:
        raise InputError(f"{paths.shown(target)} is already there; to replace it add: --force\n{ending([], following)}")
    if arguments.dry_run:
        print(f"would inflate {source or 'the weights that Keras fetches'} and write {paths.shown(target)}")
        return

    from stagewise.machine import device

    device.prepare()
    from stagewise.nets.inflate import inflate
    from stagewise.recipes.d121 import D121

    net = D121.net.backbone(D121.net.build())
    inflate(load_imagenet(source), net)
    remove_leftovers(target.parent)
    with paths.replacing(target) as temporary:
        net.save_weights(temporary)
    print(f"{net.count_params():,} parameters\n{ending([target], following)}")


if __name__ == "__main__":
    cli.run(main)
