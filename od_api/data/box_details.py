"""What records hold of a box beside its place and class: masks, keypoints, scores."""

import tensorflow as tf

# COCO: 0 not labelled, 1 hidden, 2 visible.
_VISIBLE = 2


def box_details(features, reader, image, boxes):
    """Masks, keypoints and scores, as far as the reader asks for them."""
    found = {}
    if reader.load_instance_masks:
        found["masks"] = _masks(features, image, tf.shape(boxes)[0])
    if reader.num_keypoints:
        points, visibilities = _keypoints(
            features, reader.num_keypoints, image, tf.shape(boxes)[0]
        )
        found["keypoints"] = points
        found["keypoint_visibilities"] = visibilities
    if reader.load_multiclass_scores:
        scores = features["image/object/class/multiclass_scores"]
        count = tf.shape(boxes)[0]
        width = tf.size(scores) // tf.maximum(count, 1)
        found["multiclass_scores"] = tf.reshape(scores, [count, width])
    return found


def _masks(features, image, count):
    """[G, h, w] uint8, 0 or 1, from PNG strings or from one long list of numbers."""
    masks, shape = features["image/object/mask"], tf.shape(image)[:2]
    if masks.dtype != tf.string:
        check = require(
            tf.size(masks) == count * shape[0] * shape[1],
            "the record's masks have not one number for each pixel of each box",
            features,
        )
        with tf.control_dependencies(check):
            masks = tf.reshape(masks > 0, [count, shape[0], shape[1]])
        return tf.cast(masks, tf.uint8)
    check = require(
        tf.size(masks) == count, "the record has not one mask for each box", features
    )
    with tf.control_dependencies(check):
        masks = tf.identity(masks)
    none = tf.zeros(tf.concat([[0], shape], 0), tf.uint8)
    return tf.cond(count > 0, lambda: _png_masks(masks, shape, features), lambda: none)


def _png_masks(encoded, shape, features):
    """[G] PNG files -> [G, h, w] uint8."""

    def decode_mask(png):
        # By the header first: what a small file unpacks to may fill the memory.
        check = require(
            _is_sized(png, shape),
            "a mask of the record has not the size of its image",
            features,
        )
        with tf.control_dependencies(check):
            png = tf.identity(png)
        mask = tf.io.decode_image(png, channels=1, expand_animations=False)
        check = require(
            tf.reduce_all(tf.shape(mask)[:2] == shape),
            "a mask of the record has not the size of its image",
            features,
        )
        with tf.control_dependencies(check):
            return tf.cast(mask[..., 0] > 0, tf.uint8)

    kind = tf.TensorSpec([None, None], tf.uint8)
    return tf.map_fn(decode_mask, encoded, fn_output_signature=kind)


def _is_sized(png, shape):
    """Whether a PNG's header says [h, w]; True for what is no PNG."""
    head = tf.strings.substr(png + "\0" * 24, 0, 24)
    size = tf.io.decode_raw(tf.strings.substr(head, 16, 8), tf.int32, False)
    is_png = tf.strings.substr(head, 0, 4) == b"\x89PNG"
    return tf.reduce_all(size[::-1] == shape) | ~is_png


def _keypoints(features, num_keypoints, image, count):
    """Points [G, K, 2] in pixels, NaN where not labelled; visibilities [G, K]."""
    y, x = (features[f"image/object/keypoint/{axis}"] for axis in "yx")
    check = require(
        (tf.size(x) == count * num_keypoints) & (tf.size(y) == tf.size(x)),
        f"the record has not {num_keypoints} keypoints (num_keypoints) for each box",
        features,
    )
    with tf.control_dependencies(check):
        y, x = tf.identity(y), tf.identity(x)
    visibility = tf.cast(features["image/object/keypoint/visibility"], tf.int32)
    by_point = tf.where(tf.math.is_nan(x), 0, _VISIBLE)
    visibility = tf.cond(
        tf.size(visibility) == tf.size(x), lambda: visibility, lambda: by_point
    )
    shape = tf.cast(tf.shape(image)[:2], tf.float32)
    points = tf.stack([y, x], axis=-1) * shape
    points = tf.where(visibility[:, None] > 0, points, float("nan"))
    return (
        tf.reshape(points, [-1, num_keypoints, 2]),
        tf.reshape(visibility, [-1, num_keypoints]),
    )


def require(condition, message, features):
    """Ops that fail, naming the record, unless the condition holds; for `with`."""
    check = tf.debugging.Assert(
        condition,
        [message, "source_id", features["image/source_id"], features["image/filename"]],
    )
    return [] if check is None else [check]
