"""What all tests share."""

import contextlib
import ctypes
import gc
import os
import pathlib
import random
import sys

import numpy as np
import pytest
from pseudo_terminal import PseudoTerminal

from od_api.core.warn_once import warn_once

ROOT = pathlib.Path(__file__).parent.parent
SEED = 20_210_419

# oneDNN's own allocator never gives back what the largest test has taken; it adds up
# to gigabytes a process. TensorFlow reads this when it allocates first.
os.environ.setdefault("TF_ONEDNN_USE_SYSTEM_ALLOCATOR", "1")

# What XLA compiles here runs once or twice: LLVM need not spend its time on it. XLA
# reads this when it compiles first.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true",
)


def pytest_collection_modifyitems(items):
    """Modules with slow tests come first, so that no worker is left with them alone."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def data_dir():
    """Folder of the real data and weights that tests use; fails where there is none."""
    folder = pathlib.Path(
        os.environ.get("OD_API_DATA", ROOT.parent / "shared" / "data")
    )
    if not folder.is_dir():
        pytest.fail(
            f"{folder} does not exist: these tests need the data folder (bccd, "
            "weights_imagenet, ...); put it there or name it in OD_API_DATA"
        )
    return folder


@pytest.fixture(autouse=True, scope="module")
def _module_is_seeded():
    """What a module's fixtures draw does not depend on the modules before it."""
    _seed()


@pytest.fixture(autouse=True)
def _seeded(_module_is_seeded):
    """What a test draws is the same each time, alone or after others."""
    _seed()


def _seed():
    # Keras seeds TensorFlow with the rest; tests that need neither stay light.
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(SEED)
    else:
        random.seed(SEED)
        np.random.seed(SEED)  # noqa: NPY002  (of the global state)


@pytest.fixture(autouse=True)
def _warnings_are_said_again():
    """What is said once in a process is said once in each test."""
    yield
    warn_once.cache_clear()


@pytest.fixture(autouse=True, scope="module")
def _give_memory_back():
    """Freed memory stays with the process otherwise: gigabytes, after a few graphs."""
    yield
    _trim()


@pytest.fixture(autouse=True)
def _give_graphs_back(request):
    """Graphs are freed when cycles are looked for; large ones must not add up."""
    yield
    if request.node.get_closest_marker("slow"):
        gc.collect()
        _trim()


def _trim():
    with contextlib.suppress(OSError, AttributeError):  # glibc alone has it
        ctypes.CDLL(None).malloc_trim(0)


@pytest.fixture
def pseudo_terminal(monkeypatch):
    """A PseudoTerminal: within it, standard error is a terminal of 120 columns."""
    return PseudoTerminal(monkeypatch)
