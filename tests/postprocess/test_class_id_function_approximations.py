"""Lines of its own for each class."""

import numpy as np
import pytest
import tensorflow as tf
from calibration_kit import convert
from kit import check_graph

from od_api.postprocess.class_id_function_approximations import (
    ClassIdFunctionApproximations,
)
from od_api.postprocess.function_approximation import FunctionApproximation


def per_class(class_id):
    half = "x_y_pair { x: 0 y: 0 } x_y_pair { x: 1 y: .5 }"
    entry = f"key: {class_id} value {{ {half} }}"
    return f"class_id_function_approximations {{ class_id_xy_pairs_map {{ {entry} }} }}"


def test_class_id_function_approximations():
    """Id 2 is column 2 beside a background column, and column 1 without one."""
    values = [0.8, 0.6, 0.4]
    assert convert(per_class(2), values, num_classes=2) == pytest.approx(
        [0.8, 0.6, 0.2]
    )
    assert convert(per_class(2), values, num_classes=3) == pytest.approx(
        [0.8, 0.3, 0.4]
    )
    assert convert(per_class(0), values, num_classes=2) == pytest.approx(
        [0.4, 0.6, 0.4]
    )


def test_class_ids_that_do_not_exist():
    with pytest.raises(ValueError, match="class id 0, but ids go from 1 to 3"):
        convert(per_class(0), [0.8, 0.6, 0.4], num_classes=3)
    with pytest.raises(ValueError, match="class id 3, but ids go from 0 to 2"):
        convert(per_class(3), [0.8, 0.6, 0.4], num_classes=2)


def test_the_same_points_for_all_are_one_function():
    points = [(0, 0.1), (0.5, 0.2), (1, 0.9)]
    each = ClassIdFunctionApproximations(
        points_by_class={1: points, 2: points}, num_classes=2
    )
    scores = np.random.default_rng(0).uniform(size=(2, 5, 2)).astype(np.float32)
    expected = FunctionApproximation(points=points)(scores)
    np.testing.assert_allclose(check_graph(each, tf.constant(scores)), expected)
