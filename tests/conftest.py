"""What all tests share."""

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
