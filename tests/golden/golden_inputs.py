"""Inputs that are made twice from a seed instead of being stored.

The old API's side (`make_golden.py`) and the tests call the same functions, so a
golden file holds outputs only.
"""

import zlib

import numpy as np


def boxes(seed, count, size=1.0):
    """[count, 4] float32 valid boxes inside a square of side `size`."""
    rng = np.random.default_rng(seed)
    low = rng.uniform(0.0, 0.7, (count, 2))
    extent = rng.uniform(0.05, 0.3, (count, 2))
    return (np.concatenate([low, low + extent], axis=1) * size).astype(np.float32)


def image(seed, height, width):
    """[height, width, 3] float32 whole numbers 0..255, smooth enough to resize."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 255, (height // 8 + 2, width // 8 + 2, 3))
    ys, xs = np.arange(height) / 8, np.arange(width) / 8
    fine = coarse[ys.astype(int)][:, xs.astype(int)]
    noise = rng.uniform(-30, 30, (height, width, 3))
    return np.clip(np.round(fine + noise), 0, 255).astype(np.float32)


def ellipses(boxes, height, width):
    """[count, height, width] float32, 1 in the ellipse that fills each box; boxes in
    image sizes."""
    ys, xs = (np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width
    ymin, xmin, ymax, xmax = np.moveaxis(np.asarray(boxes)[..., None, None], 1, 0)
    down = (2 * ys[:, None] - ymin - ymax) / (ymax - ymin)
    along = (2 * xs - xmin - xmax) / (xmax - xmin)
    return (down**2 + along**2 <= 1).astype(np.float32)


def weight(name, shape):
    """A fixed value for the variable called `name` in the old API, float32.

    Kernels are normal with variance 2 / fan-in, so that activations keep their size
    through a deep network; moving variances lie in 0.5..1.5, gammas near 1.
    """
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    leaf = name.rsplit("/", 1)[-1].split(":")[0]
    if leaf == "moving_variance":
        return rng.uniform(0.5, 1.5, shape).astype(np.float32)
    noise = rng.standard_normal(shape)
    if leaf == "gamma":
        return (1.0 + 0.1 * noise).astype(np.float32)
    if leaf in ("beta", "moving_mean", "bias"):
        return (0.1 * noise).astype(np.float32)
    depthwise = leaf == "depthwise_kernel"
    fan_in = np.prod(shape[:2]) if depthwise else np.prod(shape[:-1])
    return (noise * np.sqrt(2.0 / fan_in)).astype(np.float32)
