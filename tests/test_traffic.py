"""What moves through memory, counted in a compiled program's text."""

import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[1] / "bench"

# as XLA writes it, shortened: a product of a tuple's part, a fused sum called by a loop, a convolution by cuDNN
PROGRAM = """\
HloModule jit_f, is_scheduled=true

%fused_add (param_0: bf16[4,8]) -> bf16[4,8] {
  %param_0 = bf16[4,8]{1,0} parameter(0)
  ROOT %add.9 = bf16[4,8]{1,0} add(%param_0, %param_0)
}

%commands (p: bf16[4,8]) -> bf16[4,8] {
  %p = bf16[4,8]{1,0} parameter(0)
  ROOT %fusion.2 = bf16[4,8]{1,0} fusion(%p), kind=kLoop, calls=%fused_add, metadata={op_name="jit(f)/add(x)"}
}

ENTRY %main.3 (x: bf16[4,8], w: f32[8,8], n: s32[]) -> (bf16[4,8], f32[4,8]) {
  %x = bf16[4,8]{1,0} parameter(0), sharding={replicated}
  %w = f32[8,8]{1,0} parameter(1)
  %n = s32[] parameter(2)
  %both = (f32[4,8]{1,0}, /*index=1*/u8[0]{0}) custom-call(%x, %w), custom_call_target="__cudnn$convForward"
  %first = f32[4,8]{1,0} get-tuple-element(%both), index=0
  %call = bf16[4,8]{1,0} call(%x), to_apply=%commands
  %copy.1 = f32[4,8]{1,0} copy(%first)
  ROOT %tuple = (bf16[4,8]{1,0}, f32[4,8]{1,0}) tuple(%call, %copy.1)
}
"""


@pytest.fixture
def hlo(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))
    yield __import__("hlo")
    sys.modules.pop("hlo", None)


def test_each_kernel_counts_its_operands_and_results_once_and_what_is_fused_nothing_more(hlo):
    found = [(kernel.name, kernel.kind, kernel.moved) for kernel in hlo.kernels(PROGRAM)]
    assert found == [
        ("%both", "__cudnn$convForward", 2 * 32 + 4 * 64 + 4 * 32),
        ("%fusion.2", "fusion", 2 * 2 * 32),
        ("%copy.1", "copy", 2 * 4 * 32),
    ]
