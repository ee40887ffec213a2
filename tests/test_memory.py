"""What a training takes is told before, and its cap ends it with a message."""

import contextlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tiny

from stagewise.data.splits import read_split
from stagewise.files import paths
from stagewise.folds import runs
from stagewise.machine import control_groups, gpus
from stagewise.messages.errors import StagewiseError
from stagewise.recipes.d121 import D121, DEMO_NET, demo
from stagewise.scores.score import mcc_curve, note_on_constant
from stagewise.training import memory
from stagewise.training.clip_scores import ValidationScores
from stagewise.training.footprint import GIBIBYTE, Footprint, footprint, size
from stagewise.training.plans import plan_training
from stagewise.training.stage import train_stage


@pytest.mark.parametrize(
    "net",
    [
        tiny.NET,
        DEMO_NET,
        replace(DEMO_NET, input_shape=(35, 66, 51), blocks=(3, 1, 2)),
        replace(tiny.GREY_NET, input_shape=(9, 12, 20)),
    ],
)
def test_sizes_are_those_of_the_net_itself(net):
    model = net.build()
    assert net.activation_floats == sum(int(np.prod(layer.output.shape[1:])) for layer in model.layers)
    assert net.parameters == model.count_params()


def test_sizes_of_a_net_for_any_length_are_those_for_a_typical_one():
    typical = replace(tiny.GREY_NET, input_shape=(64, *tiny.GREY_NET.input_shape[1:]))
    for name in ("activation_floats", "parameters", "map_shapes"):
        assert getattr(tiny.GREY_NET, name) == getattr(typical, name)
    assert footprint(tiny.grey_recipe(), workers=2).ram > footprint(tiny.grey_recipe(), workers=0).ram


def test_the_estimate_of_the_full_preset_is_within_a_tenth_of_the_measured_peak():
    assert 7.5 <= footprint(D121, workers=0).ram / GIBIBYTE <= 7.5 * 1.1  # measured: bench/RESULTS.md


@pytest.mark.parametrize(("clips", "counted"), [(6, 1.6), (24, 6.4), (48, 13)])  # by XLA: machine/steps.py
def test_the_estimate_of_a_gpus_memory_is_within_a_tenth_of_what_xla_plans(monkeypatch, clips, counted):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    outside = 4 * 4 * D121.net.parameters / GIBIBYTE  # weights, two moments and gradients' sums are not in the plan
    assert counted + outside <= footprint(replace(D121, batch_size=clips), workers=0).gpu / GIBIBYTE
    assert footprint(replace(D121, batch_size=clips), workers=0).gpu / GIBIBYTE <= 1.1 * (counted + outside)


def test_a_gpus_activations_take_twice_as_much_in_float32_and_all_of_it_on_pytorch(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    mixed, whole = (footprint(replace(D121, gpu_precision=of), 0) for of in ("mixed_bfloat16", "float32"))
    assert mixed.ram == whole.ram and 1.8 * mixed.gpu < whole.gpu < 2 * mixed.gpu
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert 1.8 * whole.gpu < footprint(D121, 0).gpu < 2 * whole.gpu


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (7.8 * 2**30, "7.8 GiB"),
        (2**30, "1.0 GiB"),
        (1000 * 2**20, "1000 MiB"),
        (45.4 * 2**20, "45 MiB"),
        (3.14 * 2**20, "3.1 MiB"),
        (700, "0.7 KiB"),
        (0, "0.0 KiB"),
    ],
)
def test_a_size_is_told_in_a_unit_that_shows_it(count, words):
    assert size(count) == words


def test_nothing_that_the_demo_needs_is_said_to_be_next_to_nothing():
    assert " 0.0" not in str(footprint(demo(D121), workers=2))


def test_more_workers_and_larger_batches_take_more():
    few = footprint(D121, workers=1)
    assert footprint(D121, workers=9).ram > few.ram
    larger = footprint(replace(D121, batch_size=12), workers=1)
    assert larger.ram > few.ram and larger.gpu > few.gpu and larger.disk == few.disk


def test_a_need_above_the_cap_is_refused_before_anything_starts(root):
    with pytest.raises(StagewiseError, match=r"needs about 7\.\d GiB of RAM .* cap is 2.0 GiB of RAM; use fewer"):
        memory.require(footprint(D121, workers=0), folders(1), gibibytes=2, on_gpu=False)


def folders(count: int) -> list[Path]:
    """Those of a stage's folds."""
    return [paths.fold_folder("net_d121_stage1", fold) for fold in range(count)]


def test_a_full_disk_is_refused_before_anything_starts(root, monkeypatch):
    monkeypatch.setattr(memory.shutil, "disk_usage", lambda folder: SimpleNamespace(free=0.5 * GIBIBYTE))
    with pytest.raises(StagewiseError, match=r"needs about \d\d\d MiB more in models, and 512 MiB are free there"):
        memory.require(footprint(D121, workers=0), folders(5), gibibytes=99, on_gpu=False)


def test_folds_need_the_states_of_one_and_the_weights_of_all(root, monkeypatch):
    weights = 4 * D121.net.parameters
    most = (1 + 3 * 5) * weights  # of the fold that trains: its best weights, and three states of five sets
    for folds, free, lacks in (
        (1, most, "of RAM"),  # the disk, which is looked at first, is enough
        (1, most - 1, "in models"),
        (5, most + 4 * weights, "of RAM"),
        (5, most + 4 * weights - 1, "in models"),
    ):
        monkeypatch.setattr(memory.shutil, "disk_usage", lambda folder, free=free: SimpleNamespace(free=free))
        with pytest.raises(StagewiseError, match=lacks):
            memory.require(footprint(D121, workers=0), folders(folds), gibibytes=2, on_gpu=False)


@pytest.mark.parametrize(
    ("held", "most"),
    [
        ((70, 0, 0), 100 + 2 * 10 - 70),  # an interrupted fold, then two new ones
        ((10, 10, 10), 100 - 10),  # begun anew after they were finished: each leaves what it had
        ((0, 0, 70), 100 + 10),  # what the last one holds does not help those before
    ],
)
def test_what_the_folders_of_unfinished_folds_hold_is_not_asked_for_again(root, monkeypatch, held, most):
    for folder, count in zip(folders(3), held, strict=True):
        (folder / runs.EVENTS).mkdir(parents=True)
        (folder / runs.RESUME_STATE).write_bytes(b"0" * (2**20 * count // 2))
        (folder / runs.EVENTS / "events").write_bytes(b"0" * (2**20 * count // 2))
    needed = Footprint(ram=0, gpu=0, disk=100 * 2**20, kept=10 * 2**20)
    for free, enough in ((most, True), (most - 0.5, False)):
        monkeypatch.setattr(memory.shutil, "disk_usage", lambda folder, free=free: SimpleNamespace(free=free * 2**20))
        with contextlib.nullcontext() if enough else pytest.raises(StagewiseError, match="more in models, and"):
            memory.require(needed, folders(3), gibibytes=99, on_gpu=False)


@pytest.mark.parametrize("options", [(), ("--force",)])
def test_a_fold_goes_on_and_begins_anew_on_a_disk_that_is_full_but_for_what_it_lacks(root, monkeypatch, options):
    tiny.write_split()
    recipe = tiny.recipe()
    plan = plan_training(recipe, read_split(None), 0, seed=42)
    tiny.train_until_after(0, plan)
    free = footprint(recipe, workers=0).disk - sum(file.stat().st_size for file in plan.folder.glob("*.npz"))
    monkeypatch.setattr(memory.shutil, "disk_usage", lambda folder: SimpleNamespace(free=free))
    words = ("--fold", "0", "--workers", "0", "--init", "random", "--memory", "99")
    monkeypatch.setattr("sys.argv", ["r31_train.py", *words, *options])
    train_stage(recipe, {"full": lambda stage: stage}, "", following="")
    assert runs.read_config(recipe.name, 0)["finished"]


@pytest.mark.parametrize(("options", "folds"), [((), [[0, 2]]), (("--fold", "1"), []), (("--force",), [[0, 1, 2]])])
def test_finished_folds_need_no_memory_and_no_disk_unless_they_begin_anew(root, monkeypatch, options, folds):
    tiny.write_split()  # of folds 0, 1 and 2
    recipe = tiny.recipe()
    finished = plan_training(recipe, read_split(None), 1, seed=42)
    runs.write_json(finished.folder / runs.CONFIG, {**finished.made_from, "finished": True})
    asked = []
    monkeypatch.setattr(memory, "require", lambda needed, folders, *others, **more: asked.append(folders))
    monkeypatch.setattr("stagewise.training.train.train_folds", lambda *arguments: [])
    monkeypatch.setattr("sys.argv", ["r31_train.py", *options])
    monkeypatch.setenv(gpus.VISIBLE, "")  # a GPU that the backend does not see would be an error
    train_stage(recipe, {"full": lambda stage: stage}, "", following="")
    assert asked == [[paths.fold_folder(recipe.name, fold) for fold in some] for some in folds]


@pytest.fixture
def control_group(tmp_path, monkeypatch):
    """A function that writes the files of a control group, by its path; this process is in `/outer/inner`."""
    monkeypatch.setattr(control_groups, "FOLDER", tmp_path / "groups")
    monkeypatch.setattr(control_groups, "OWN", tmp_path / "own")
    (tmp_path / "own").write_text("4:memory:/elsewhere\n0::/outer/inner\n")

    def write(group: str, limit: int | str, used: int, cache: int = 0) -> None:
        folder = tmp_path / "groups" / group
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "memory.max").write_text(f"{limit}\n")
        (folder / "memory.current").write_text(f"{used}\n")
        (folder / "memory.stat").write_text(f"anon 7\nfile 9999\ninactive_file {cache - 1}\nactive_file 1\n")

    return write


def test_the_cap_is_the_control_groups_where_that_is_lower(control_group):
    machine = memory.free()
    control_group("outer/inner", "max", used=1000)
    assert memory.free() == pytest.approx(machine, rel=0.2)
    control_group("outer/inner", 5000, used=1000)
    assert memory.free() == 4000


def test_every_control_group_around_the_process_counts_and_no_other(control_group):
    for group, limit in {"outer/inner": 5000, "outer": 3000, "": 4000, "elsewhere": 1, "outer/inner/below": 1}.items():
        control_group(group, limit, used=1000)
    assert memory.free() == 2000


def test_page_cache_counts_as_free_in_a_control_group(control_group):
    control_group("outer/inner", 5000, used=4900, cache=3000)  # as after reading a data set
    assert memory.free() == 3100


def test_memory_of_children_counts():
    before = memory.resident()
    code = "content = b'x' * 2**28; print('there', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        assert memory.resident() - before > 0.9 * 2**28
        child.stdin.close()


def test_a_process_that_passes_its_cap_ends_with_code_1_and_the_way_on(root):
    code = (
        "import time\nimport numpy as np\nfrom stagewise.training import memory; from stagewise.files import paths\n"
        "from stagewise.training.footprint import Footprint\n"
        "from stagewise.console.run_log import logged\n"
        "memory.require(Footprint(0, 0, 0, 0), [paths.root()], 0.4, False)\nkept = []\n"
        "with logged(paths.root() / 'train.log'):\n"
        "    for _ in range(3000): kept.append(np.ones(2**18)); time.sleep(0.002)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "ends at 0.4 GiB of RAM" in done.stdout
    assert done.stderr.startswith("error: memory has come to 0.") and "the cap is 0.4 GiB; use fewer" in done.stderr
    assert done.stderr.count("\n") == 1
    assert (root / "train.log").read_text().endswith(done.stderr)


@pytest.mark.slow
def test_thirty_epochs_more_take_less_than_five_percent_more_memory(root):
    code = (
        "from stagewise.machine import device; device.prepare()\n"
        "import tiny\nfrom stagewise.training import callbacks, memory\n"
        "from stagewise.training.plans import plan_training\n"
        "from stagewise.data.splits import read_split\n"
        "tiny.write_split()\nrecord, sizes = callbacks.Recorder.on_epoch_end, []\n"
        "def measured(self, epoch, logs):\n    record(self, epoch, logs); sizes.append(memory.resident())\n"
        "callbacks.Recorder.on_epoch_end = measured\n"
        "recipe = tiny.recipe(epochs=35, steps_per_epoch=1, stop_patience=99)\n"
        "tiny.train(plan_training(recipe, read_split(None), 0, seed=1), workers=0, force=False)\n"
        "print('sizes', sizes[4], sizes[34])\n"
    )
    environment = {**memory.os.environ, "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240, env=environment)
    assert done.returncode == 0, done.stderr
    early, late = map(int, done.stdout.rpartition("sizes ")[2].split())
    assert late < 1.05 * early


def test_constant_predictions_have_an_mcc_of_zero_with_a_note(capsys):
    stalled, same = np.array([0, 1, 1, 0]), np.full(4, 0.625)
    assert not mcc_curve(stalled, same).any()
    assert note_on_constant(same) == "note: every clip got the same probability, 0.625, so that MCC is 0"
    assert note_on_constant(np.array([0.1, 0.2])) == ""
    logs = {}
    ValidationScores(lambda: same, stalled, "auc").on_epoch_end(0, logs)
    assert logs["val_mcc"] == 0
    assert "epoch 1: note: every clip got the same probability" in capsys.readouterr().out
