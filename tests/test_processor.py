"""What the processor is, and the cores that a process gets of it."""

import os
import subprocess
import sys

import pytest

from stagewise.machine import control_groups, processor


@pytest.fixture
def quota(tmp_path, monkeypatch):
    """A function that limits a control group, by its path; this process is in `/outer/inner`, and sees four cores."""
    monkeypatch.setattr(control_groups, "FOLDER", tmp_path / "groups")
    monkeypatch.setattr(control_groups, "OWN", tmp_path / "own")
    monkeypatch.setattr(processor, "cores", lambda: [0, 2, 3, 5])
    (tmp_path / "own").write_text("4:cpu,cpuacct:/outer/inner\n3:cpuset:/\n1:name=systemd:/\n0::/outer/inner\n")

    def write(group: str, version: int, granted: int | str, period: int = 100_000) -> None:
        folder = tmp_path / "groups" / ("cpu" if version == 1 else "") / group
        folder.mkdir(parents=True, exist_ok=True)
        if version == 1:
            (folder / "cpu.cfs_quota_us").write_text(f"{granted}\n")
            (folder / "cpu.cfs_period_us").write_text(f"{period}\n")
        else:
            (folder / "cpu.max").write_text(f"{granted} {period}\n")

    return write


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("granted", "cores"), [(50_000, 1), (100_000, 1), (150_000, 2), (300_000, 3), (400_000, 4), (1_000_000, 4)]
)
def test_a_quota_below_the_cores_that_are_seen_is_what_counts(quota, version, granted, cores):
    quota("outer/inner", version, granted)
    assert processor.available_cpus() == cores
    assert processor.granted_cpus() == (cores if cores < 4 else None)


@pytest.mark.parametrize(("version", "unlimited"), [(1, -1), (2, "max")])
def test_no_limit_is_none(quota, version, unlimited):
    quota("outer/inner", version, unlimited)
    assert (processor.available_cpus(), processor.granted_cpus()) == (4, None)


@pytest.mark.parametrize("version", [1, 2])
def test_every_group_around_the_process_counts_and_no_other(quota, version):
    for group, granted in {"": 390_000, "outer": 190_000, "outer/inner": 290_000}.items():
        quota(group, version, granted)
    for group in ("elsewhere", "outer/inner/below"):
        quota(group, version, 1_000)
    assert processor.available_cpus() == 2


def test_a_container_that_sees_its_own_group_as_the_outermost_is_limited(quota):
    quota("", 1, 50_000)  # its /proc/self/cgroup still tells the path outside
    assert processor.available_cpus() == 1


def test_without_control_groups_all_cores_count(monkeypatch, tmp_path):
    monkeypatch.setattr(control_groups, "OWN", tmp_path / "none")
    assert processor.available_cpus() == len(processor.cores())


@pytest.mark.parametrize(
    ("granted", "quota_of", "cores"),
    [("3", None, 3), ("1", None, 1), ("9", None, 4), ("3", 200_000, 2), ("", None, 4), ("0", None, 4), ("x", None, 4)],
)
def test_what_slurm_grants_a_task_counts_beside_control_groups(quota, monkeypatch, granted, quota_of, cores):
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", granted)
    if quota_of:
        quota("outer", 2, quota_of)
    assert processor.available_cpus() == cores


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="there is no taskset on this system")
def test_cores_that_taskset_leaves_out_do_not_count():
    core = min(os.sched_getaffinity(0))
    code = (
        f"import os; os.sched_setaffinity(0, {{{core}}})\n"
        "from stagewise.console import cli\nprint(cli.parser('', 'workers').parse_args([]).workers)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "1\n"


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        ("fpu sse sse2 ssse3 sse4_2", "no AVX"),
        ("fpu sse2 avx", "AVX"),
        ("fpu sse2 avx avx2 fma", "AVX2"),
        ("sse2 avx avx2 avx512f avx512bw", "AVX-512"),
        ("sse2 avx avx2 avx512f avx512_vnni", "AVX-512 with VNNI"),
        ("sse2 avx avx2 avx512f avx512_vnni avx512_bf16", "AVX-512 with bfloat16"),
        ("sse2 avx avx2 avx512f avx512_vnni avx512_bf16 amx_tile", "AMX"),
    ],
)
def test_the_largest_instructions_of_an_x86_processor_are_named(monkeypatch, tmp_path, flags, named):
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(processor.platform, "machine", lambda: "x86_64")
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nflags\t\t: {flags}\nvmx flags\t: none\n\nprocessor\t: 1\n")
    assert processor.instruction_set() == named
    assert processor.lacks_avx() == (named == "no AVX")


@pytest.mark.parametrize("there", [True, False])
def test_other_processors_and_systems_are_named_by_their_architecture(monkeypatch, tmp_path, there):
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(processor.platform, "machine", lambda: "aarch64")
    if there:
        (tmp_path / "cpuinfo").write_text("processor\t: 0\nFeatures\t: fp asimd sve2\n")
    assert processor.instruction_set() == "aarch64"
    assert not processor.lacks_avx()
