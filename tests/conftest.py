"""What all tests share."""

import contextlib
import ctypes
import gc
import os
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parent.parent


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


@pytest.fixture(autouse=True)
def _give_memory_back(request):
    """Freed graphs stay with the process otherwise: gigabytes, after a few exports."""
    yield
    if request.node.get_closest_marker("slow"):
        gc.collect()
        with contextlib.suppress(OSError, AttributeError):  # glibc alone has it
            ctypes.CDLL(None).malloc_trim(0)
