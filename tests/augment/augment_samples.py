"""Samples to augment, and what every augmentation must keep true."""

import numpy as np
import tensorflow as tf

ROW_FIELDS = (
    "boxes",
    "classes",
    "weights",
    "is_crowd",
    "difficult",
    "ignored",
    "masks",
    "keypoints",
    "keypoint_visibilities",
    "multiclass_scores",
)


def seed(number=0):
    return tf.constant([number, 17], tf.int32)


def sample(boxes=((8.0, 10.0, 24.0, 30.0), (20.0, 32.0, 38.0, 50.0)), size=(40, 60)):
    """A random image with every per-box field, keypoints at centre and top left."""
    h, w = size
    boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
    g = len(boxes)
    rng = np.random.default_rng(3)
    masks = np.zeros([g, h, w], np.uint8)
    for mask, (y0, x0, y1, x1) in zip(masks, boxes.astype(int), strict=True):
        mask[y0:y1, x0:x1] = 1
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2
    fields = {
        "image": rng.uniform(0, 255, [h, w, 3]).astype(np.float32),
        "boxes": boxes,
        "classes": np.arange(g, dtype=np.int32),
        "weights": np.ones([g], np.float32),
        "is_crowd": np.zeros([g], bool),
        "difficult": np.zeros([g], bool),
        "ignored": np.arange(g) % 2 == 1,
        "masks": masks,
        "keypoints": np.stack([centers, boxes[:, :2]], axis=1),
        "keypoint_visibilities": np.full([g, 2], 2, np.int32),
        "multiclass_scores": rng.normal(size=[g, 3]).astype(np.float32),
        "image_id": np.array(b"7"),
    }
    return {k: tf.constant(v) for k, v in fields.items()}


def plain(image, boxes):
    """A sample with the obligatory fields only."""
    boxes = tf.reshape(tf.constant(boxes, tf.float32), [-1, 4])
    g = boxes.shape[0]
    return {
        "image": tf.constant(image, tf.float32),
        "boxes": boxes,
        "classes": tf.range(g),
        "weights": tf.ones([g]),
        "is_crowd": tf.zeros([g], tf.bool),
        "difficult": tf.zeros([g], tf.bool),
    }


def painted(boxes=((8.0, 10.0, 24.0, 30.0),), size=(40, 60)):
    """A black image with white boxes, and the sample that goes with it."""
    image = np.zeros([*size, 3], np.float32)
    for y0, x0, y1, x1 in np.asarray(boxes, int):
        image[y0:y1, x0:x1] = 255
    return plain(image, boxes)


def white_box(image, threshold=127.0):
    """The box around the white pixels of an image, None if there are none."""
    ys, xs = np.where(np.asarray(image).max(-1) > threshold)
    if not len(ys):
        return None
    return np.array([ys.min(), xs.min(), ys.max() + 1, xs.max() + 1], np.float32)


def assert_consistent(result, outside=False):
    """Fields in step, boxes in order and inside the image, nothing NaN."""
    result = {k: np.asarray(v) for k, v in result.items()}
    h, w, channels = result["image"].shape
    assert channels == 3
    assert result["image"].dtype == np.float32
    assert np.isfinite(result["image"]).all()
    boxes = result["boxes"]
    assert boxes.dtype == np.float32 and boxes.shape[1:] == (4,)
    assert np.isfinite(boxes).all()
    assert (boxes[:, :2] <= boxes[:, 2:] + 1e-4).all()
    if not outside:
        assert (boxes >= -1e-3).all()
        assert (boxes <= np.array([h, w, h, w]) + 1e-3).all()
    for name in ROW_FIELDS:
        if name in result:
            assert len(result[name]) == len(boxes), name
    if "masks" in result:
        assert result["masks"].shape[1:] == (h, w)
        assert set(np.unique(result["masks"])) <= {0, 1}
    if "keypoints" in result:
        points = result["keypoints"]
        points = points[np.isfinite(points).all(-1)]
        assert (points >= -1e-3).all() and (points <= np.array([h, w]) + 1e-3).all()


def assert_equal(first, second, atol=0.0):
    """Two samples with the same fields and values (NaN equals NaN)."""
    assert first.keys() == second.keys()
    for name, value in first.items():
        value, other = np.asarray(value), np.asarray(second[name])
        if value.dtype.kind == "f":
            np.testing.assert_allclose(value, other, rtol=0, atol=atol, err_msg=name)
        else:
            np.testing.assert_array_equal(value, other, err_msg=name)


def changed(augment, pixels, number=0):
    """[...] pixels -> the pixels after an augmentation that changes nothing else."""
    before = plain(np.asarray(pixels, np.float32), [[0, 0, 1, 1]])
    after = augment(before, seed(number))
    for name in before:
        if name != "image":
            assert after[name] is before[name]
    return np.asarray(after["image"])


def drawn(augment, pixels, count=60):
    """The results of several seeds, stacked."""
    return np.stack([changed(augment, pixels, number) for number in range(count)])


PIXEL = [[[200.0, 100.0, 0.0]]]
IMAGE = np.asarray(sample()["image"])
