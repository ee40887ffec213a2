"""PyTorch's weights as the start of a stage: the net that a file is of, filled from it."""

from collections.abc import Sequence
from pathlib import Path

import keras

from stagewise.files import paths
from stagewise.files.torch_weights import read_torch_weights
from stagewise.messages.errors import InputError
from stagewise.nets.net import Net
from stagewise.nets.torch_names import load_torch_weights
from stagewise.recipes.starts import TorchFile
from stagewise.recipes.torch_files import KNOWN

HEAD = ("fc", "last_linear")  # the names of the layer that every stage makes anew: torchvision's, SE-ResNeXt's
Known = Sequence[tuple[Net, TorchFile, str]]  # nets, the starts that are made of their files, and the stages of these


def torch_start(path: Path, known: Known = KNOWN) -> tuple[TorchFile, str, keras.Model]:
    """The start that a file is for, its stage, and the net filled from it, all but its head.

    path: a state dict of torch.save with torchvision's names, whatever the file is called. Raises InputError where it
    is none, or of none of the known nets.
    """
    downloads = " or ".join(start.download for _, start, _ in known)
    state = read_torch_weights(path, f"download it again: {downloads}")
    problems = []
    for net, start, stage in sorted(known, key=lambda one: one[1].source != path.name):
        backbone = net.backbone(net.build())
        try:
            load_torch_weights(backbone, state, without=HEAD)
        except InputError as error:
            problems.append(f"no {net.family} ({error})")
        else:
            return start, stage, backbone
    raise InputError(f"{paths.shown(path)} is {problems[0]}, nor another net's; a recipe starts from {downloads}")
