"""What tests of several written forms share."""

import pytest
import random_checkpoint
import tiny

import od_api


@pytest.fixture(scope="module")
def random_ssd(tmp_path_factory):
    """(path of a config, run) of random weights."""
    folder = tmp_path_factory.mktemp("random_ssd")
    path = tiny.write_config(folder, tiny.make_data(folder, num_images=4))
    random_checkpoint.write(od_api.load_config(path), folder / "run")
    return str(path), str(folder / "run")
