"""Images for int8: which ones, and how many."""

import numpy as np
import pytest
import tiny

from od_api.core.errors import ConfigError, UserError
from od_api.exporting.calibration_images import CalibrationImages


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calibration")
    return tiny.config_for(folder, tiny.make_data(folder, num_images=4))


def test_the_same_ones_each_time(config):
    """And each once: of four images three are drawn, or all where more are wanted."""
    images = CalibrationImages(config, 3)
    first, second = list(images), list(images)
    assert [i.shape[0] for i in first] == [1, 1, 1] and images.number == 3
    assert all(i.dtype == np.uint8 and i.shape[3:] == (3,) for i in first)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)
    every = list(CalibrationImages(config, 9))
    assert len(every) == len({i.tobytes() for i in every}) == 4


def test_what_cannot_be(config):
    with pytest.raises(UserError, match="1 or more, not 0"):
        CalibrationImages(config, 0)
    bare = type(config)()
    bare.CopyFrom(config)
    bare.ClearField("train_input_reader")
    with pytest.raises(ConfigError, match="calibrated with images of its records"):
        CalibrationImages(bare, 3)
