"""What a recipe consists of. The numbers themselves are on each recipe's page, such as `recipes/d121.py`."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from stagewise.augment import Resize, Transform
from stagewise.nets.sizes import Net

GPU_PRECISIONS = ("mixed_bfloat16", "float32")  # float16 would need its loss scaled, which a fold's start knows not of


@dataclass(frozen=True)
class Recipe:
    """Every number that one training stage needs.

    `init_from` is "imagenet", "random", or the name of the stage whose best epoch of the same fold is the
    start; `monitor` is the validation score, "mcc" (at its best threshold) or "auc", that picks the best
    epoch and drives plateau and early stopping; `validation_flowing_per_stalled` is how many flowing clips
    are validated for each stalled one; `accumulation_steps` is the number of batches whose gradients are
    averaged into one step of the optimizer; `gpu_precision` is the Keras dtype policy on a GPU, one of `GPU_PRECISIONS`
    (a CPU trains in float32), `openvino_precision` what OpenVINO predicts in, "bf16" or "f32".
    """

    name: str
    net: Net
    init_from: str
    monitor: str
    tier1_only: bool
    validation_flowing_per_stalled: int
    augmentation: tuple[Transform, ...]
    stalled_share: float
    gpu_precision: str
    openvino_precision: str
    batch_size: int
    accumulation_steps: int
    steps_per_epoch: int
    epochs: int
    learning_rate: float
    plateau_factor: float
    plateau_patience: int
    minimum_learning_rate: float
    stop_patience: int

    @property
    def resize(self) -> Resize:
        """The only transform of validation and test: to the net's input, float or uint8 kept."""
        return Resize(self.net.input_shape)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for config.json; a transform is its parameters and its name."""
        plain = dataclasses.asdict(self)
        plain["augmentation"] = [transform.describe() for transform in self.augmentation]
        return plain
