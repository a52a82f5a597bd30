"""The old API's crops as a part; what they are, layers/test_bilinear_crops.py tests."""

from functools import partial

import numpy as np
import region_cases
import tensorflow as tf

from od_api.layers.bilinear_crops import crop_and_resize
from od_api.layers.position_sensitive_crop import position_sensitive_crop
from od_api.region_operators.crop_and_resize import CropAndResize


def test_forms_agree():
    operator = CropAndResize()
    forms = (partial(one.crop, size=(3, 4)) for one in (operator, operator.static()))
    region_cases.check_forms(*forms)


def test_is_the_layer():
    maps, boxes = region_cases.features(channels=3), region_cases.boxes()
    got = CropAndResize().crop(maps, boxes, region_cases.IMAGE, (4, 4))
    want = crop_and_resize(maps, boxes, region_cases.IMAGE, (4, 4))
    np.testing.assert_array_equal(got, want)


def test_position_sensitive():
    maps, boxes = region_cases.features(), tf.constant(region_cases.boxes())
    arguments = (maps, boxes, region_cases.IMAGE, (6, 6), (3, 3))
    want = position_sensitive_crop(*arguments)
    for operator in (CropAndResize(), CropAndResize().static()):
        got = operator.position_sensitive(*arguments)
        np.testing.assert_allclose(got, want, atol=1e-5)
