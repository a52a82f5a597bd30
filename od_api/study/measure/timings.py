"""What is timed, and what times come to; nothing here needs TensorFlow."""

import time

import numpy as np
from PIL import Image

# Of a batch size, measured for so long at most, and in so many batches at least.
_THROUGHPUT_SECONDS = 20.0
_FEWEST_BATCHES = 3


def crop_to_square(image, side):
    """The study's timing image: uint8 [h, w, 3] -> [side, side, 3].

    The shorter side becomes `side`, and the middle is cut out.
    """
    height, width = image.shape[:2]
    ratio = side / min(height, width)
    size = (max(side, round(width * ratio)), max(side, round(height * ratio)))
    resized = np.asarray(Image.fromarray(image).resize(size, Image.BILINEAR))
    top, left = (size[1] - side) // 2, (size[0] - side) // 2
    return resized[top : top + side, left : left + side]


def timing_images(images, side, count):
    """`count` squares [1, side, side, 3]; the images come again where they are few."""
    squares = [crop_to_square(image, side)[None] for image in images[:count]]
    return [squares[i % len(squares)] for i in range(count)]


def seconds_of(call):
    """How long a call took."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def summary(seconds):
    """{"median_ms", "mean_ms", "p90_ms", "p99_ms"}."""
    milliseconds = 1e3 * np.asarray(seconds)
    p90, p99 = np.percentile(milliseconds, [90, 99])
    return {
        "median_ms": round(float(np.median(milliseconds)), 4),
        "mean_ms": round(float(np.mean(milliseconds)), 4),
        "p90_ms": round(float(p90), 4),
        "p99_ms": round(float(p99), 4),
    }


def images_per_second(call, size, most):
    """Of a call that takes `size` images: by the median of a few calls.

    Args:
      call: the first one is not timed.
      size: of the batch.
      most: images that are enough.
    """
    call()
    times, started = [], time.perf_counter()
    while len(times) < _FEWEST_BATCHES or (
        len(times) * size < most and time.perf_counter() - started < _THROUGHPUT_SECONDS
    ):
        times.append(seconds_of(call))
    return size / float(np.median(times))
