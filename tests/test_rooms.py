"""The packages of `stagewise` lie in layers: each imports from those below it alone."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from house import REPOSITORY

LAYERS = (  # from the ground up
    "messages",
    "files",
    "machine",
    "console",
    "volumes",
    "augment",
    "nets",
    "recipes",
    "video",
    "crops",
    "pictures",
    "phantom",
    "scores",
    "data",
    "checks",
    "xrays",
    "folds",
    "prediction",
    "masks",
    "joining",
    "heatmaps",
    "training",
    "report",
)
PACKAGE = REPOSITORY / "stagewise"


def imported(module: Path) -> Iterator[str]:
    """Names of the project's modules that a module imports, also inside its functions."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom) and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "stagewise"  # a relative import, which this test cannot follow
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_every_module_is_in_a_room_and_every_room_in_a_layer():
    assert sorted(path.name for path in PACKAGE.glob("*.py")) == ["__init__.py", "first_line.py"]
    rooms = {path.parent.name for path in PACKAGE.rglob("*.py")} - {"stagewise"}
    assert rooms == set(LAYERS)


@pytest.mark.parametrize("room", LAYERS)
def test_a_room_imports_from_those_below_it_alone(room):
    allowed = set(LAYERS[: LAYERS.index(room) + 1])
    for module in (PACKAGE / room).rglob("*.py"):
        names = [name for name in imported(module) if name.split(".")[0] == "stagewise"]
        above = [name for name in names if name.split(".")[1:2] == [] or name.split(".")[1] not in allowed]
        assert not above, f"{module.relative_to(REPOSITORY)} imports {', '.join(above)}"
