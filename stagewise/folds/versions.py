"""The versions that a result depends on."""

import importlib.metadata
import platform
from collections.abc import Sequence

PACKAGES = ("keras", "tensorflow", "jax", "torch", "numpy", "opencv-python-headless", "scikit-learn")


def versions(more: Sequence[str] = ()) -> dict[str, str]:
    """Versions of Python, of the packages that a result depends on, and of `more`; absent ones are left out."""
    found = {"python": platform.python_version()}
    for package in (*PACKAGES, *more):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
