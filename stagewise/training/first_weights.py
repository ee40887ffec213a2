"""What r04 does: fill a net with pretrained weights, for the stage that starts from them."""

import sys
from pathlib import Path

from stagewise.console import cli
from stagewise.console.ending import command, ending
from stagewise.files import paths
from stagewise.files.leftovers import remove_leftovers
from stagewise.files.torch_weights import is_torch_file
from stagewise.messages.commands import INFLATE, TRAIN, script_of
from stagewise.messages.errors import InputError, StagewiseError

TORCH_SUFFIXES = (".pth", ".pt")
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


def mend_of(absent: Path, otherwise: str = MENDS) -> str:
    """Where a file that is not there is to be had. otherwise: of a name that no net starts from."""
    from stagewise.recipes.torch_files import KNOWN

    mends = (start.mend for _, start, _ in KNOWN if start.source == absent.name)
    return next(mends, otherwise)


def of_imagenet(source: Path | None):
    """DenseNet121 in 3D without its head, filled from the 2D net's weights."""
    from stagewise.machine import device

    device.prepare()
    from stagewise.nets.inflate import inflate
    from stagewise.recipes.d121 import D121

    net = D121.net.backbone(D121.net.build())
    inflate(load_imagenet(source), net)
    return net


def of_torch(source: Path):
    """Where the net belongs that a PyTorch file is of, the stage that starts from it, and the net without its head."""
    from stagewise.machine import device

    device.prepare()
    from stagewise.training.torch_starts import torch_start

    start, stage, net = torch_start(source)
    return paths.models_folder() / start.file, stage, net


def make_first_weights(doc: str) -> None:
    """Parse r04's command line, fill the net that the weights are for, and write it. Raises InputError before."""
    parser = cli.parser(doc, "dry-run", "force")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="an h5 or pth file (default: Keras fetches one)")
    arguments = parser.parse_args()
    source, target, stage, net = arguments.weights, paths.imagenet_weights(), "net_d121_stage1", None
    if source is not None and not source.is_file():
        raise InputError(f"no file {source}; {mend_of(source)}")
    if source is not None and source.suffix in TORCH_SUFFIXES and not is_torch_file(source):
        raise InputError(
            f"{source} is no file of PyTorch's weights, whatever its name; {mend_of(source, 'download it again')}"
        )
    if source is not None and is_torch_file(source):
        target, stage, net = of_torch(source.absolute())
    following = command(script_of(stage, TRAIN))
    if target.exists() and not arguments.force:
        raise InputError(f"{paths.shown(target)} is already there; to replace it add: --force\n{ending([], following)}")
    if arguments.dry_run:
        print(f"would fill a net from {source or 'the weights that Keras fetches'} and write {paths.shown(target)}")
        return
    net = net or of_imagenet(source)
    remove_leftovers(target.parent)
    with paths.replacing(target) as temporary:
        net.save_weights(temporary)
    print(f"{net.count_params():,} parameters\n{ending([target], following)}")
