"""Kernels and bytes of memory traffic in what XLA makes of the recipe's net: of an answer, and of a training step.

    bench/run.sh traffic
    bench/run.sh traffic --works answer step --batch 2
    python bench/traffic.py --target h100 --batch 6      with jax[cuda13]; for a GPU that need not be there

Read from the compiled program itself: every kernel's operands and results are counted once, an upper bound of what goes
through memory, of which caches keep some. An answer is one fused net's to the eight flips of a clip; a step is JAX's,
with Adam; both in mixed bfloat16. For the GPU nothing is tried out ("autotuning" is off): which algorithms it will
choose, and what scratch memory they take, is not in the count; where XLA_FLAGS have products take in what stands before
them, their tiles are given. For the CPU, XLA makes other kernels of the same net.
Time: on a CPU core, 2 minutes an answer, and 10 to 20 a step.
"""

import argparse
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from gpu_candidates import TILES_FLAG
from hlo import Kernel, kernels
from measure import machine, write_section

from stagewise.console import cli
from stagewise.machine.backends import fuses_products, with_flag
from stagewise.messages.errors import StagewiseError
from stagewise.recipes.d121 import D121
from stagewise.recipes.recipe import Recipe, changed

if TYPE_CHECKING:
    import jax

TARGETS = ("cpu", "h100")
LAYERS = ("keras", "gpu")
# What XLA asks a device for when it compiles; NVIDIA's data sheet, and openxla/xla's own h100 specification
H100 = """
gpu_device_info {
  threads_per_block_limit: 1024 threads_per_warp: 32 shared_memory_per_block: 49152 shared_memory_per_core: 233472
  threads_per_core_limit: 2048 core_count: 132 fpus_per_core: 128 block_dim_limit_x: 2147483647
  block_dim_limit_y: 65535 block_dim_limit_z: 65535 memory_bandwidth: 3352320000000 l2_cache_size: 52428800
  clock_rate_ghz: 1.98 device_memory_size: 84929347584 shared_memory_per_block_optin: 232448
  cuda_compute_capability { major: 9 } registers_per_core_limit: 65536 registers_per_block_limit: 65536
}
platform_name: "CUDA"
dnn_version_info { major: 9 minor: 10 }
runtime_version { major: 13 }
device_description_str: "NVIDIA H100 80GB HBM3"
"""
POLICY = "mixed_bfloat16"


def answer(recipe: Recipe, batch: int) -> tuple[Callable, list, int]:
    """A function, the shapes of what it takes, and how many times a net sees a clip in it."""
    import jax

    from stagewise.nets.fuse_bn import fuse

    model = recipe.answer.shown(fuse(recipe.net.build()))

    def answers(weights: list, others: list, clips: jax.Array) -> jax.Array:
        return model.stateless_call(weights, others, clips, training=False)[0]

    shapes = [_shapes(model.trainable_variables), _shapes(model.non_trainable_variables), _clips(recipe, batch)]
    return answers, shapes, batch * recipe.answer.views


def step(recipe: Recipe, batch: int) -> tuple[Callable, list, int]:
    """The same of a training step."""
    import jax

    from stagewise.training.train import compiled

    model = compiled(changed(recipe, accumulation_steps=1))
    state = [
        _shapes(variables)
        for variables in (
            *(model.trainable_variables, model.non_trainable_variables),
            *(model.optimizer.variables, model.metrics_variables),
        )
    ]
    stalled = jax.ShapeDtypeStruct((batch, 1), np.float32)
    return lambda state, *data: model.train_step(state, (*data, None)), [state, _clips(recipe, batch), stalled], batch


WORKS = {"answer": answer, "step": step}


def _shapes(variables: Sequence) -> list:
    import jax

    return [jax.ShapeDtypeStruct(variable.shape, variable.dtype) for variable in variables]


def _clips(recipe: Recipe, batch: int) -> object:
    import jax

    return jax.ShapeDtypeStruct((batch, *recipe.net.input_shape, 3), np.uint8)


def device_of(target: str) -> "jax.Device":
    """What to compile for. Raises StagewiseError where JAX cannot compile for GPUs."""
    import jax
    from jax.experimental import topologies

    if target == "cpu":
        return jax.devices()[0]
    try:
        return topologies.get_topology_desc(platform="cuda", target_config=H100, topology="1x1x1").devices[0]
    except NotImplementedError as error:
        mend = f"python -m pip install 'jax[cuda13]=={jax.__version__}'"
        raise StagewiseError(f"this JAX has no CUDA to compile with; run: {mend}") from error


def program(work: Callable, shapes: list, place: "jax.Device") -> "jax.stages.Compiled":
    """The optimized program."""
    import jax

    there = jax.sharding.SingleDeviceSharding(place)
    shapes = jax.tree.map(lambda shape: jax.ShapeDtypeStruct(shape.shape, shape.dtype, sharding=there), shapes)
    return jax.jit(work, donate_argnums=0 if len(shapes[0]) == 4 else ()).lower(*shapes).compile()


def row(name: str, compiled: "jax.stages.Compiled", passes: int) -> tuple:
    """A line of the table."""
    found, scratch = kernels(compiled.as_text()), compiled.memory_analysis().temp_size_in_bytes
    account = compiled.cost_analysis()  # None where the program is for a device that is not there

    def of(*words: str) -> list[Kernel]:
        return [kernel for kernel in found if any(word in kernel.kind for word in words)]

    convolutions, fused = of("conv"), of("fusion")
    rest = len(found) - len(convolutions) - len(fused)
    return (
        name,
        *(len(found), len(convolutions), len(fused), rest),
        *(f"{sum(kernel.moved for kernel in part) / passes / 1e6:,.0f}" for part in (found, convolutions, fused)),
        f"{account['bytes accessed'] / passes / 1e6:,.0f}" if account else "-",
        f"{scratch / 2**30:.2f}",
    )


def main() -> None:
    """Compile, count, and write the table."""
    parser = cli.parser(__doc__)
    parser.add_argument("--works", nargs="+", choices=WORKS, default=["answer"])
    parser.add_argument("--layers", nargs="+", choices=LAYERS, default=LAYERS, help="Keras' own, or nets.gpu_layers")
    parser.add_argument("--target", choices=TARGETS, default="cpu", help="compile for it (default: %(default)s)")
    parser.add_argument("--batch", type=cli.at_least(1), default=1, help="clips (default: %(default)s)")
    parser.add_argument("--blocks", type=cli.at_least(1), nargs="+", default=D121.net.blocks, help="layers of each")
    parser.add_argument("--hlo", type=Path, help="a folder for the programs' text")
    arguments = parser.parse_args()
    works, rows = " ".join(arguments.works), measured(arguments)
    write_section(
        f"Traffic, compiled for {arguments.target}",
        f"bench/run.sh traffic --target {arguments.target} --batch {arguments.batch} --works {works}",
        f"DenseNet121-3D at {D121.net.input_shape}, blocks {tuple(arguments.blocks)}, {POLICY}, batch "
        f"{arguments.batch}. {machine('keras', 'jax')}",
        (
            *("work", "kernels", "convolutions", "fusions", "others"),
            *("MB a clip and pass", "of convolutions", "of fusions", "MB by XLA's own account", "scratch GiB"),
        ),
        rows,
        keep=True,
    )


def measured(arguments: argparse.Namespace) -> list[tuple]:
    """A row a work."""
    os.environ["KERAS_BACKEND"] = "jax"
    os.environ["JAX_PLATFORMS"] = "cpu"
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_gpu_autotune_level=0"
    os.environ["XLA_FLAGS"] = with_flag(flags, TILES_FLAG) if fuses_products() else flags
    from stagewise.machine import device

    device.prepare("none")
    import keras

    from stagewise.nets import gpu_layers

    keras.config.set_dtype_policy(POLICY)
    recipe = changed(D121, net=replace(D121.net, blocks=tuple(arguments.blocks)))
    place, rows = device_of(arguments.target), []
    for name, layers in product(arguments.works, arguments.layers):
        gpu_layers.wanted = lambda layers=layers: layers == "gpu"  # which it is by itself where there is a GPU
        work, shapes, passes = WORKS[name](recipe, arguments.batch)
        compiled = program(work, shapes, place)
        if arguments.hlo:
            (arguments.hlo / f"{name}-{layers}.txt").write_text(compiled.as_text())
        rows.append(row(f"{name}, {layers}, blocks {tuple(arguments.blocks)}", compiled, passes))
        print(*rows[-1], sep="  ", flush=True)
    return rows


if __name__ == "__main__":
    cli.run(main)
