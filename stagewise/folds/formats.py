"""The format of a run's config.json, and configs of earlier versions brought into it."""

from typing import Any

from stagewise.messages.errors import InputError

FORMAT = 2  # 1, which has no number: a recipe was one flat list of numbers, all of them D121's
PRESETS_BY_INPUT = {(32, 32, 32): "small", (32, 64, 64): "demo"}  # of format 1; any other was full
PARTS = {  # of format 2's recipe: kind, and format 1's names of its numbers by their names now
    "sampling": ("ByChance", {"share": "stalled_share", "steps_per_epoch": "steps_per_epoch"}),
    "optimizer": ("Adam", {"learning_rate": "learning_rate", "accumulation_steps": "accumulation_steps"}),
    "schedule": (
        "Plateau",
        {
            name: name
            for name in ("epochs", "plateau_factor", "plateau_patience", "minimum_learning_rate", "stop_patience")
        },
    ),
    "kept": ("BestEpoch", {"monitor": "monitor", "flowing_per_stalled": "validation_flowing_per_stalled"}),
    "answer": ("FlippedMean", {"openvino_precision": "openvino_precision"}),
}


def upgraded(config: dict[str, Any], where: str) -> dict[str, Any]:
    """A run's config in the present format.

    where: the file, for the message. Raises InputError where a later version wrote it, or its recipe lacks a number.
    """
    found = config.get("format", 1)
    if found == FORMAT:
        return config
    if found != 1:
        raise InputError(
            f"{where} has format {found}, and this version reads up to {FORMAT}; use the version that trained it "
            f"(its versions: {config.get('versions')})"
        )
    try:
        return {"format": FORMAT, **config, "recipe": _recipe_of_1(config["recipe"])}
    except (KeyError, TypeError) as error:
        raise InputError(f"{where} lacks {error} of its recipe; train it again with --force") from error


def _recipe_of_1(flat: dict[str, Any]) -> dict[str, Any]:
    start = flat["init_from"]
    starts = {
        "random": {"kind": "RandomStart"},
        "imagenet": {"kind": "WeightsFile", "label": "imagenet", "file": "imagenet_densenet121_3d.weights.h5"},
    }
    parts = {
        part: {"kind": kind} | {now: flat[before] for now, before in names.items()}
        for part, (kind, names) in PARTS.items()
    }
    return {
        "name": flat["name"],
        "preset": PRESETS_BY_INPUT.get(tuple(flat["net"]["input_shape"]), "full"),
        "net": {"kind": "DenseNet3D", **flat["net"]},
        "start": starts.get(start, {"kind": "ParentStage", "label": start}),
        "rows": {"kind": "Tier1" if flat["tier1_only"] else "AllRows"},
        "frames": {"kind": "WholeClip"},
        "augmentation": flat["augmentation"],
        "loss": {"kind": "BinaryCrossEntropy"},
        "batch_size": flat["batch_size"],
        "gpu_precision": flat["gpu_precision"],
        **parts,
    }
