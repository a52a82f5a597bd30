"""Twenty batches that both sides get: bright boxes on a grey ground, by numbers alone.

A batch is (images [B, H, W, 3] in 0..255, boxes [B, G, 4] in parts of the image,
classes [B, G] 0-based, weights [B, G]), padded to `BOXES` boxes.
"""

import numpy as np

STEPS, SIZE, BOXES, CLASSES = 20, 4, 6, 3
# 708 has a box that two anchors of SSD fit equally: rounding says which is its own.
_SEEDS = (*range(700, 708), *range(709, 721))
_COLOURS = np.float32([[220, 60, 60], [60, 200, 80], [70, 90, 230]])


def batches(height, width):
    """The batches of one run, a list."""
    return [_batch(np.random.default_rng(i), height, width) for i in _SEEDS[:STEPS]]


def _batch(rng, height, width):
    images = rng.uniform(90, 150, (SIZE, height, width, 3))
    boxes = np.zeros((SIZE, BOXES, 4), np.float32)
    classes = np.zeros((SIZE, BOXES), np.int32)
    size = np.float32([height, width] * 2)
    weights = np.zeros((SIZE, BOXES), np.float32)
    for i in range(SIZE):
        for j in range(rng.integers(1, BOXES + 1)):
            low = rng.uniform(0, 0.6, 2)
            boxes[i, j] = [*low, *(low + rng.uniform(0.15, 0.4, 2))]
            classes[i, j], weights[i, j] = rng.integers(CLASSES), 1
            top, left, bottom, right = (boxes[i, j] * size).astype(int)
            images[i, top:bottom, left:right] = _COLOURS[classes[i, j]]
    images += rng.uniform(-20, 20, images.shape)
    return np.clip(np.round(images), 0, 255).astype(np.float32), boxes, classes, weights
