#!/usr/bin/env bash
# What a GPU does, measured in one call of at most 530 s: bench/gpu.sh. Its arguments are those of bench/gpu.py.
# By the Python that is there ($PYTHON, else python3) and what it has of JAX, PyTorch, TensorFlow, MONAI and timm-3d:
# a machine with a GPU may have no network. bench/run.sh gpu installs all of them first.
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
exec "${PYTHON:-python3}" bench/gpu.py "$@"
