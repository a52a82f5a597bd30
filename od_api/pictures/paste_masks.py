"""From the small masks of boxes to masks of the whole image."""

import numpy as np

# In image sizes: a smaller box counts as one of this size, so that none divides by 0.
SMALLEST_EXTENT = 1e-4


def paste_masks(masks, boxes, image_shape, threshold=0.5):
    """Resizes each mask to its box, and puts it at its place in an image of zeros.

    The first and the last row (and column) of a mask lie on the edges of its box, and
    it is bilinear between. Pixel i of n lies at i / (n - 1) of the image, and an edge y
    of a box at y / n: the old API's convention, which undoes that of `crop_masks`. Only
    the pixels inside of the boxes are computed.

    Args:
      masks: [N, mh, mw] probabilities.
      boxes: [N, 4] in pixels of the image; they may reach outside of it.
      image_shape: (H, W), two ints.
      threshold: a pixel belongs to the object where its probability is above this.

    Returns:
      [N, H, W] uint8, 1 on the object.
    """
    height, width = image_shape
    pasted = np.zeros((len(boxes), height, width), np.uint8)
    for image, mask, box in zip(pasted, np.asarray(masks), boxes, strict=True):
        ymin, xmin, ymax, xmax = (float(edge) for edge in box)
        rows, down = _resizing(ymin, ymax, height, mask.shape[0])
        columns, across = _resizing(xmin, xmax, width, mask.shape[1])
        image[rows, columns] = down @ mask @ across.T > threshold
    return pasted


def _resizing(start, end, length, size):
    """The pixels of one axis inside of a box, and the weights of a mask's rows there.

    Returns:
      A slice of n pixels, and [n, size] weights, two of a row above 0 at most.
    """
    places = np.arange(length) / max(length - 1, 1) - start / length
    places /= max((end - start) / length, SMALLEST_EXTENT)
    inside = np.flatnonzero((places >= 0) & (places <= 1))
    if not inside.size:
        return slice(0, 0), np.zeros((0, size), np.float32)
    distance = np.abs(places[inside, None] * (size - 1) - np.arange(size))
    weights = np.maximum(1 - distance, 0).astype(np.float32)
    return slice(inside[0], inside[-1] + 1), weights
