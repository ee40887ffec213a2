"""Reads XLA's optimized program as text: its kernels, and the bytes that each reads and writes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

BITS = {"pred": 8, "token": 0}  # the others have theirs in their name, such as bf16, f32 and u8
# what is done when a program is compiled, or only gives a buffer another name
FREE = {"parameter", "constant", "tuple", "get-tuple-element", "bitcast", "after-all", "partition-id", "replica-id"}
CALLS = {"call", "while", "conditional", "async-start"}  # what they call is counted in their place, a loop's body once
_SHAPE = re.compile(r"\b([a-z]+\d*[a-z0-9]*)\[([\d,]*)\]")
_NAME = re.compile(r"%[\w.\-]+")
_INSTRUCTION = re.compile(r"^\s+(?:ROOT )?(%[\w.\-]+) = (.*)$")
_OPCODE = re.compile(r" ([a-z][\w\-]*)\(")
_CALLED = re.compile(r"(?:to_apply|body|calls|called_computation)=(%[\w.\-]+)")


@dataclass(frozen=True)
class Kernel:
    """One top-level instruction. kind: its opcode, of a custom call its target; moved: bytes read and written."""

    name: str
    kind: str
    moved: int


def kernels(text: str) -> list[Kernel]:
    """What the program runs one after another: the instructions of its entry, and of what that calls.

    text: of `jax.stages.Compiled.as_text`.
    """
    computations, entry = _computations(text)
    return list(_of(entry, computations))


def _computations(text: str) -> tuple[dict[str, list[str]], str]:
    """The lines of every computation by its name, and the name of the entry."""
    computations: dict[str, list[str]] = {}
    entry, lines = "", []
    for line in text.splitlines():
        if line.endswith("{") and not line.startswith(" ") and (found := _NAME.search(line)):
            lines = computations.setdefault(found[0], [])
            entry = found[0] if line.startswith("ENTRY") else entry
        elif line.startswith(" "):
            lines.append(line)
    return computations, entry


def _of(computation: str, computations: dict[str, list[str]]) -> Iterator[Kernel]:
    sizes: dict[str, int] = {}
    for line in computations[computation]:
        name, rest = _INSTRUCTION.match(line).groups()
        opcode = _OPCODE.search(rest)
        sizes[name] = _bytes(rest[: opcode.start()])
        kind = opcode[1]
        if kind in CALLS:
            for called in _CALLED.findall(rest):
                yield from _of(called, computations)
        elif kind not in FREE and not kind.endswith("-done"):
            operands = _NAME.findall(_within(rest[opcode.end() :]))
            target = re.search(r'custom_call_target="([^"]+)"', rest)
            yield Kernel(name, target[1] if target else kind, sizes[name] + sum(sizes[operand] for operand in operands))


def _within(text: str) -> str:
    """What stands before the parenthesis that closes."""
    depth = 1
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if not depth:
            return text[:place]
    return text


def _bytes(shape: str) -> int:
    """Of all arrays that a shape, or a tuple of shapes, names."""
    return sum(_bits(kind) * prod(map(int, filter(None, axes.split(",")))) for kind, axes in _SHAPE.findall(shape)) // 8


def _bits(kind: str) -> int:
    return BITS[kind] if kind in BITS else int(re.search(r"\d+", kind)[0])
