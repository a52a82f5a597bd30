"""What boxes are to be called where one class does not say all: `class_scores`."""

import tensorflow as tf

from od_api.core.errors import ConfigError
from od_api.core.sample import per_box

# Boxes are the same whose sides differ by less than that share of the image.
_SAME = 1e-4
_MERGE, _SCORES = "merge_multiple_label_boxes", "use_multiclass_scores"


def class_scores_of(settings, detector):
    """What gives samples their `class_scores`; None where classes say all.

    Args:
      settings: TrainConfig: merge_multiple_label_boxes, use_multiclass_scores.
      detector: what learns from them.

    Returns:
      `merged` or `scored`, or None.

    Raises:
      ConfigError: both are asked for, or the detector does not learn from them.
    """
    asked = [name for name in (_MERGE, _SCORES) if getattr(settings, name)]
    if not asked:
        return None
    if len(asked) == 2:
        raise ConfigError(
            f"says with {_MERGE} twice what boxes are called: remove one of the two",
            f"train_config.{_SCORES}",
        )
    if not detector.takes_class_scores:
        raise ConfigError(
            "gives boxes other scores than one class each, which this model does not "
            "learn: it needs the objective matched or regression_aware, or none of "
            "the field",
            f"train_config.{asked[0]}",
        )
    return merged if asked == [_MERGE] else scored


def merged(sample, num_classes):
    """The sample with boxes of one place as one box of all their classes.

    What else is known of a box is that of the first one in its place; the lowest of its
    classes is its class. A box that is ignored is no object, and stays one of its own.

    Args:
      sample: of `od_api/core/sample.py`.
      num_classes: K.

    Returns:
      The sample with `class_scores` [G, K], 1 for each class of a box, else 0.
    """
    size = tf.cast(tf.shape(sample["image"])[:2], tf.float32)
    shares = sample["boxes"] / tf.concat([size, size], 0)
    place = tf.cast(tf.round(shares / _SAME), tf.int64)
    if "ignored" in sample:
        place = tf.concat([place, tf.cast(sample["ignored"], tf.int64)[:, None]], 1)
    kinds, kind = tf.raw_ops.UniqueV2(x=place, axis=[0])
    count = tf.shape(kinds)[0]
    first = tf.math.unsorted_segment_min(tf.range(tf.size(kind)), kind, count)
    scores = tf.math.unsorted_segment_max(_one_hot(sample, num_classes), kind, count)
    rows = {name: tf.gather(sample[name], first) for name in per_box(sample)}
    return _called({**sample, **rows}, scores, num_classes)


def scored(sample, num_classes):
    """The sample with its `multiclass_scores` as what its boxes are to be called.

    A record without any has the classes of its boxes.

    Args:
      sample: of `od_api/core/sample.py`.
      num_classes: K.

    Returns:
      The sample with `class_scores` [G, K].

    Raises:
      InvalidArgumentError: as it is read: not K scores a box.
    """
    own = _one_hot(sample, num_classes)
    scores = sample["multiclass_scores"]
    there = tf.size(scores) > 0
    right = tf.debugging.Assert(
        tf.logical_not(there) | (tf.shape(scores)[1] == num_classes),
        [
            "image/object/class/multiclass_scores of the record has not num_classes "
            "scores for each box",
            "source_id",
            sample["source_id"],
        ],
    )
    with tf.control_dependencies([] if right is None else [right]):
        scores = tf.cond(there, lambda: scores, lambda: own)
    return _called(sample, scores, num_classes)


def _one_hot(sample, num_classes):
    return tf.one_hot(sample["classes"], num_classes)


def _called(sample, scores, num_classes):
    scores = tf.ensure_shape(scores, [None, num_classes])
    classes = tf.argmax(scores, axis=1, output_type=tf.int32)
    return {**sample, "classes": classes, "class_scores": scores}
