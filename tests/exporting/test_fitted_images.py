"""Images are brought to the size of a model that takes one size alone."""

import types

import numpy as np
import pytest

from od_api.core.errors import ConfigError
from od_api.engines.artefacts import CONFIG
from od_api.exporting.fitted_images import fitting

FIXED = "fixed_shape_resizer { height: 4 width: 6 }"
PADDED = (
    "keep_aspect_ratio_resizer { min_dimension: 4 max_dimension: 4 "
    "pad_to_max_dimension: true }"
)


def model(shape, resizer=FIXED):
    text = f"model {{ ssd {{ image_resizer {{ {resizer} }} }} }}"
    return types.SimpleNamespace(image_shape=shape, metadata={CONFIG: text})


def ramp(height, width):
    """Its value is ten times the column."""
    row = np.arange(width)[None, None, :, None] * 10
    return np.broadcast_to(row, (1, height, width, 3)).astype(np.uint8)


def test_columns_by_hand():
    """12 columns of 0, 10, ... 110 to 6: column j reads column 12 / 6 * j."""
    fitted = fitting(model((None, 4, 6, 3)))(ramp(8, 12))
    assert fitted.shape == (1, 4, 6, 3) and fitted.dtype == np.uint8
    assert list(fitted[0, 0, :, 0]) == [0, 20, 40, 60, 80, 100]


def test_values_are_rounded_and_not_cut():
    """Six rows to four: row i reads 1.5 i, between rows of 0 and 3 that is 1.5."""
    image = np.zeros([1, 6, 6, 3], np.uint8)
    image[:, 1::2] = 3
    fitted = fitting(model((None, 4, 6, 3)))(image)
    assert list(fitted[0, :, 0, 0]) == [0, 2, 3, 2]


@pytest.mark.parametrize(
    "given",
    [
        model((None, 4, 6, 3)),  # they fit already
        model(("batch", "height", "width", 3)),
        model([-1, -1, -1, 3], "identity_resizer {}"),
        model(None),
        model((None, 5, 6, 3)),  # its network resizes once more
    ],
)
def test_others_are_as_they_are(given):
    image = ramp(4, 6)
    assert fitting(given)(image) is image


def test_what_would_be_padded_is_as_it_is():
    fit = fitting(model((None, 4, 4, 3), PADDED))
    wide, square = ramp(4, 8), ramp(8, 8)
    assert fit(wide) is wide
    assert fit(square).shape == (1, 4, 4, 3)


def test_a_config_that_cannot_be_read():
    with pytest.raises(
        ConfigError, match=r"the model's config:1:.*fixed_shape_resizer"
    ):
        fitting(model((None, 4, 6, 3), "fixed_shape_resize {}"))


def test_a_model_without_a_config():
    given = types.SimpleNamespace(image_shape=(None, 4, 6, 3), metadata={})
    image = ramp(8, 12)
    assert fitting(given)(image) is image
