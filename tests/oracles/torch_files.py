"""Saves small state dicts with PyTorch itself, for `tests/test_torch_weights.py`.

pip install -r tests/oracles/requirements-torch.txt
python tests/oracles/torch_files.py           writes tests/oracles/saved_*.pth, and what they hold as saved_*.npz
"""

from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch

FOLDER = Path(__file__).parent


def net() -> dict[str, torch.Tensor]:
    """A net's state dict as PyTorch makes it, metadata and a counter among it."""
    torch.manual_seed(1)
    layers = OrderedDict(conv=torch.nn.Conv3d(2, 3, (1, 2, 2)), bn=torch.nn.BatchNorm3d(3), fc=torch.nn.Linear(3, 1))
    model = torch.nn.Sequential(layers)
    model.bn(torch.randn(2, 3, 2, 2, 2))  # so that the statistics ran
    return model.state_dict()


def kinds() -> dict[str, torch.Tensor]:
    """Every type of numbers, and tensors that are parts, turns, and copies of others."""
    numbers = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4) / 7 - 1
    names = "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool".split()  # noqa: SIM905
    made = {name: numbers.abs().mul(3).to(getattr(torch, name)) for name in names}
    parts = {
        "whole": numbers,
        "turned": numbers.permute(2, 0, 1),
        "part": numbers[1, 1:, 2],
        "every other": numbers[..., ::2],
    }
    more = {"scalar": torch.tensor(5), "empty": torch.zeros(0, 3), "none of many": numbers[:, :0]}
    return {**made, **parts, **more, "naïve.ключ": torch.ones(1), "parameter": torch.nn.Parameter(torch.ones(2, 1))}


def main() -> None:
    for name, state in {"net": net(), "kinds": kinds()}.items():
        torch.save(state, FOLDER / f"saved_{name}_zip.pth")
        torch.save(state, FOLDER / f"saved_{name}_zip_protocol4.pth", pickle_protocol=4)
        torch.save(state, FOLDER / f"saved_{name}_legacy.pth", _use_new_zipfile_serialization=False)
        arrays = {key: value.detach() for key, value in state.items()}
        plain = {
            key: (value.float() if value.dtype == torch.bfloat16 else value).numpy() for key, value in arrays.items()
        }
        np.savez_compressed(
            FOLDER / f"saved_{name}.npz",
            names=np.array(list(plain)),
            **{f"array_{number}": array for number, array in enumerate(plain.values())},
        )
        print(name, sum(path.stat().st_size for path in FOLDER.glob(f"saved_{name}*")), "bytes")


if __name__ == "__main__":
    main()
