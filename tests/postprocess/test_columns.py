"""Which column a class id means, with and without a background."""

import numpy as np
import pytest
import tensorflow as tf
from kit import check_graph

from od_api.postprocess._columns import column_of, per_column


@pytest.mark.parametrize(
    ("class_id", "num_columns", "num_classes", "column"),
    [
        # Three classes and a background in front: the id is the column.
        (0, 4, 3, 0),
        (3, 4, 3, 3),
        # Three classes alone: id 1 is the first.
        (1, 3, 3, 0),
        (3, 3, 3, 2),
        # Unknown: the background is taken to be there.
        (2, 4, None, 2),
    ],
)
def test_column_of(class_id, num_columns, num_classes, column):
    assert column_of(class_id, num_columns, num_classes) == column


@pytest.mark.parametrize(
    ("class_id", "num_columns", "message"),
    [(0, 3, "from 1 to 3"), (4, 3, "from 1 to 3"), (4, 4, "from 0 to 3")],
)
def test_there_is_no_such_column(class_id, num_columns, message):
    with pytest.raises(ValueError, match=f"class id {class_id}, but ids go {message}"):
        column_of(class_id, num_columns, 3)


def test_per_column_leaves_the_others():
    """Column 1 doubled, column 2 negated, column 0 as it is."""
    functions = {1: lambda x: 2 * x, 2: lambda x: -x}
    scores = tf.constant([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]])
    found = check_graph(lambda x: per_column(x, functions, 2), scores)
    np.testing.assert_array_equal(found, [[[1, 4, -3], [4, 10, -6]]])
    np.testing.assert_array_equal(per_column(scores, {}, 2), scores)
