"""Cases that tests of suppressions share."""

import numpy as np
import tensorflow as tf
from kit import random_boxes

# IoU(A, B) = IoU(B, C) = 7/13 = .538, IoU(A, C) = .25.
ABC = np.array([[0, 0, 10, 10], [0, 3, 10, 13], [0, 6, 10, 16]], np.float32)
ABC_SCORES = np.float32([0.9, 0.8, 0.7])


def kept(part, boxes=ABC, scores=ABC_SCORES, columns=None, limit=10, floor=0.0):
    """[(row, score)] of one class of one image, in order."""
    columns = {k: np.asarray(v, np.float32) for k, v in (columns or {}).items()}
    boxes, scores = np.asarray(boxes, np.float32), np.asarray(scores, np.float32)
    found = part.suppress(boxes, scores, columns, limit, np.float32(floor))
    real = np.isfinite(found.scores)
    assert not np.any(found.rows.numpy()[~real])
    found_rows = found.rows.numpy()[real].tolist()
    return list(zip(found_rows, found.scores.numpy()[real].tolist(), strict=True))


def rows(part, *arguments, **keywords):
    return [row for row, _ in kept(part, *arguments, **keywords)]


def crowded(seed, batch, classes, count):
    """boxes [B, 1, M, 4] in clusters, scores [B, K, M] without ties."""
    rng = np.random.default_rng(seed)
    boxes = random_boxes(rng, batch, count, size=30.0)[:, None]
    scores = rng.permutation(batch * classes * count).reshape(batch, classes, count)
    return boxes, (scores + 1).astype(np.float32) / (scores.size + 1)


def check_forms_agree(part, columns=(), batch=3, classes=2, count=150, tolerance=0):
    """Native, static, batched and one by one, eager and compiled: the same is kept.

    Args:
      part: a suppression.
      columns: names of columns [B, 1, M, 1] of random numbers in 0..1.
      tolerance: relative, of scores and boxes.
    """
    boxes, scores = crowded(5, batch, classes, count)
    rng = np.random.default_rng(1)
    shape = (batch, 1, count, 1)
    columns = {n: rng.uniform(size=shape).astype(np.float32) for n in columns}

    def run(form, *inputs, jit_compile=None):
        call = tf.function(
            lambda *x: form.suppress(*x, 20, 0.1), jit_compile=jit_compile
        )
        return call(*tf.nest.map_structure(tf.constant, inputs))

    native = run(part, boxes, scores, columns)
    assert np.isfinite(native.scores).any()
    compiled = run(part.static(), boxes, scores, columns, jit_compile=True)
    for other in (run(part.static(), boxes, scores, columns), compiled):
        np.testing.assert_array_equal(other.rows, native.rows)
        np.testing.assert_allclose(other.scores, native.scores, rtol=tolerance)
        np.testing.assert_allclose(other.boxes, native.boxes, rtol=tolerance)
    for b in range(batch):
        own = {name: x[b, 0] for name, x in columns.items()}
        alone = run(part, boxes[b, 0], scores[b, -1], own)
        np.testing.assert_array_equal(alone.rows, native.rows[b, -1])
        np.testing.assert_allclose(alone.scores, native.scores[b, -1], rtol=tolerance)
