"""Columns beside another head: shapes, parameters, and what they see."""

import types

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.core import registry
from od_api.core.errors import ConfigError
from od_api.protos import box_predictor_pb2

COLUMNS = [
    types.SimpleNamespace(name="density", width=1),
    types.SimpleNamespace(name="embedding", width=3),
]
PLAIN = """
weight_shared_convolutional_box_predictor {
  depth: 8 num_layers_before_predictor: 1 conv_hyperparams {}
}
"""


def _built(text, columns=COLUMNS, per_location=(2, 2, 2)):
    return registry.build(
        text_format.Parse(text, box_predictor_pb2.BoxPredictor()),
        required=("num_classes",),
        num_classes=3,
        anchors_per_location=list(per_location),
        add_background_class=False,
        columns=columns,
    )


def _head(fields="", **context):
    text = f"box_predictor {{ {PLAIN} }} conv_hyperparams {{}} depth: 5 {fields}"
    return _built(f"column_box_predictor {{ {text} }}", **context)


def _features(depths=(6, 6, 6)):
    return {
        f"P{i + 3}": tf.random.stateless_normal([2, size, size + 1, depth], [i, 5])
        for i, (size, depth) in enumerate(zip((4, 2, 1), depths, strict=True))
    }


def test_shapes_and_parameters():
    """5x5 predictions see 5 channels of the tower and 2 x (3 + 4) numbers; each gives
    2 anchors' columns."""
    out = _head()(_features())
    anchors = 2 * (20 + 6 + 2)
    assert {n: x.shape for n, x in out.items()} == {
        "class_logits": (2, anchors, 3),
        "box_codes": (2, anchors, 4),
        "density": (2, anchors, 1),
        "embedding": (2, anchors, 3),
    }
    assert {x.dtype for x in out.values()} == {tf.float32}
    head = _head()
    head(_features())
    prefix = "column_box_predictor/"
    assert {
        v.path.removeprefix(prefix): tuple(v.shape)
        for v in head.variables
        if "weight_shared" not in v.path
    } == {
        "tower_conv0/kernel": (1, 1, 6, 5),
        "tower_conv0/bias": (5,),
        "density/kernel": (5, 5, 19, 2),
        "density/bias": (2,),
        "embedding/kernel": (5, 5, 19, 6),
        "embedding/bias": (6,),
    }


def test_the_other_head_is_as_it_is():
    head, features = _head(), _features()
    out = head(features)
    alone = head.inner(features)
    for name, value in alone.items():
        np.testing.assert_array_equal(out[name], value)


@pytest.mark.parametrize(("field", "seen"), [("", True), ("false", False)])
def test_predictions_of_the_neighbourhood_are_seen(field, seen):
    """A bias more in the class logits changes the columns, and gets no gradient."""
    head = _head(f"reads_predictions: {field}" if field else "")
    features = _features()
    before = head(features)["density"]
    bias = next(v for v in head.inner.variables if v.path.endswith("class/bias"))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(head(features)["density"] ** 2)
    inner = [v.value for v in head.inner.trainable_variables]
    assert all(g is None for g in tape.gradient(total, inner))
    bias.assign_add(tf.ones(bias.shape))
    assert (np.abs(head(features)["density"] - before).max() > 1e-4) == seen


def test_rows_see_their_own_cells():
    """A column that copies the logit of its own anchor: rows and maps fit together."""
    head = _head("kernel_size: 1", columns=COLUMNS[:1])
    features = _features()
    head(features)
    kernel = next(v for v in head.variables if v.path.endswith("density/kernel"))
    copies = np.zeros(kernel.shape, np.float32)
    # Behind the 5 of the tower: class 2 of the first anchor, and of the second.
    copies[0, 0, 5 + 2, 0] = copies[0, 0, 5 + 3 + 2, 1] = 1
    kernel.assign(copies)
    out = head(features)
    np.testing.assert_allclose(
        out["density"][..., 0], out["class_logits"][..., 2], rtol=1e-5, atol=1e-6
    )


def test_unknown_sizes_and_graph_equals_eager():
    head, features = _head(), _features()
    expected = head(features)
    specs = {n: tf.TensorSpec([None, None, None, 6]) for n in features}
    traced = tf.function(lambda x: head(x)).get_concrete_function(specs)
    for name, value in traced(features).items():
        np.testing.assert_allclose(value, expected[name], atol=1e-5)


def test_paths_are_unique():
    head = _head()
    head(_features())
    paths = [v.path for v in head.variables]
    assert len(set(paths)) == len(paths)
    assert "column_box_predictor/density/kernel" in paths
    assert any("/weight_shared_convolutional_box_predictor/" in p for p in paths)


def test_refused():
    with pytest.raises(ConfigError, match="kernel_size: is 0"):
        _head("kernel_size: 0")
    with pytest.raises(ConfigError, match="same number of anchors"):
        _head(per_location=(2, 1, 2))
    with pytest.raises(ValueError, match=r"same depth on each.*'P3': 5"):
        _head()(_features((5, 6, 6)))
    with pytest.raises(ConfigError, match=r"box_predictor.*is not set"):
        _built("column_box_predictor {}")
    other = "column_box_predictor { box_predictor { cascade_rpn_predictor {} } }"
    with pytest.raises(ConfigError, match="reads cells"):
        _built(other, per_location=(1, 1, 1))
