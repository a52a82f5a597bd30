"""How long the region operators take, each form against a named peer in the same run.

    python benchmarks/region_ops.py --output benchmarks/region_ops.json

About a minute on one core. Every round runs every form once, one after the other, so
that what else the machine does hits them alike; a ratio is the median over the rounds
of (form's time / peer's time). A call is a forward pass and the gradient to the
features of one image: a map of 38 x 38 (600 px, stride 16) and 100 boxes.

Peers: `tf.image.crop_and_resize` for crops, one of its crops for each bin and its
channels for position-sensitive ones, the direct form for the other two. The kernel's
gradient is quick on a CPU because its threads do not wait for each other, and wrong at
times for that.
"""

import argparse
import json
import os
import platform
import statistics
import time
from functools import partial

import numpy as np
import tensorflow as tf

from od_api.layers.bilinear_crops import crop_and_resize, matmul_crop_and_resize
from od_api.layers.position_sensitive_crop import (
    matmul_position_sensitive_crop,
    position_sensitive_crop,
)
from od_api.region_operators.roi_align import matmul_roi_align, roi_align
from od_api.region_operators.roi_max_pool import masked_roi_max_pool, roi_max_pool

IMAGE = (608, 608)
MAP = 38
BOXES = 100
BINS = (7, 7)


def kernel_crop(features, boxes, image_shape, size):
    """The bare kernel, for one image."""
    scaled = boxes[0] / (*image_shape, *image_shape)
    return tf.image.crop_and_resize(features, scaled, [0] * BOXES, size)[None]


def crop_per_bin(features, boxes, image_shape, crop_size, bins):
    """Position-sensitive votes by as many crops as there are bins."""
    low, high = boxes[..., :2], boxes[..., 2:]
    side = (high - low) / bins
    size = (crop_size[0] // bins[0], crop_size[1] // bins[1])
    votes = []
    for index, group in enumerate(tf.split(features, bins[0] * bins[1], axis=-1)):
        corner = low + side * np.float32(divmod(index, bins[1]))
        bin_boxes = tf.concat([corner, corner + side], axis=-1)
        crops = kernel_crop(group, bin_boxes, image_shape, size)
        votes.append(tf.reduce_mean(crops, axis=[2, 3]))
    return tf.add_n(votes) / len(votes)


CROP_PER_BIN = partial(crop_per_bin, bins=BINS)
BARE = (kernel_crop, CROP_PER_BIN)

# operator: (channels, arguments, the peer, {form: (function, compiled by XLA)})
OPERATORS = {
    "crop_and_resize": (
        128,
        {"size": (14, 14)},
        "tf.image.crop_and_resize",
        {
            "tf.image.crop_and_resize": (kernel_crop, False),
            "direct": (crop_and_resize, False),
            "matmul": (matmul_crop_and_resize, False),
            "matmul, XLA": (matmul_crop_and_resize, True),
        },
    ),
    "position_sensitive_crop": (
        49 * 21,
        {"crop_size": (21, 21)},
        "a crop per bin",
        {
            "a crop per bin": (CROP_PER_BIN, False),
            "direct": (partial(position_sensitive_crop, num_spatial_bins=BINS), False),
            "matmul": (
                partial(matmul_position_sensitive_crop, num_spatial_bins=BINS),
                False,
            ),
            "matmul, XLA": (
                partial(matmul_position_sensitive_crop, num_spatial_bins=BINS),
                True,
            ),
        },
    ),
    "roi_align": (
        128,
        {"size": (7, 7)},
        "direct",
        {
            "direct": (roi_align, False),
            "matmul": (matmul_roi_align, False),
            "matmul, XLA": (matmul_roi_align, True),
        },
    ),
    "roi_max_pool": (
        128,
        {"size": (7, 7)},
        "direct",
        {
            "direct": (roi_max_pool, False),
            "masked, XLA": (masked_roi_max_pool, True),
        },
    ),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", help="JSON file to write, beside printing")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--operators", nargs="+", default=list(OPERATORS))
    options = parser.parse_args()
    results = {
        "machine": machine(),
        "image": IMAGE,
        "map": MAP,
        "boxes": BOXES,
        "rounds": options.rounds,
        "operators": {
            name: measure(*OPERATORS[name], options.rounds)
            for name in options.operators
        },
    }
    text = json.dumps(results, indent=2)
    print(text)
    if options.output:
        with open(options.output, "w") as file:
            file.write(text + "\n")


def machine():
    devices = tf.config.list_physical_devices("GPU")
    names = [tf.config.experimental.get_device_details(one) for one in devices]
    return {
        "accelerators": [one.get("device_name", "GPU") for one in names],
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "tensorflow": tf.__version__,
    }


def measure(channels, fields, peer, forms, rounds):
    """{form: milliseconds and the ratio to the peer}, medians over the rounds."""
    features, boxes = inputs(channels)
    calls = {name: gradient_call(*form, fields) for name, form in forms.items()}
    made = {name: call(features, boxes) for name, call in calls.items()}
    # Not the peer's gradient: the bare kernel's own one is wrong at times on a CPU.
    ours = [name for name, form in forms.items() if form[0] not in BARE]
    for name in made:
        for i in (0, 1) if name in ours else (0,):
            np.testing.assert_allclose(
                made[name][i], made["direct"][i], rtol=1e-3, atol=1e-3, err_msg=name
            )
    times = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            # Copying a number back waits for an accelerator.
            float(call(features, boxes)[1][0, 0, 0, 0])
            times[name].append(time.perf_counter() - start)
    return {
        name: {
            "milliseconds": round(1000 * statistics.median(taken), 2),
            f"ratio to {peer}": round(
                statistics.median(
                    one / other for one, other in zip(taken, times[peer], strict=True)
                ),
                3,
            ),
        }
        for name, taken in times.items()
    }


def gradient_call(form, compiled, fields):
    @tf.function(jit_compile=compiled)
    def call(features, boxes):
        with tf.GradientTape() as tape:
            tape.watch(features)
            value = form(features, boxes, IMAGE, **fields)
            total = tf.reduce_sum(value * value)
        return value, tape.gradient(total, features)

    return call


def inputs(channels):
    """One image's [1, h, w, C] features and [1, P, 4] boxes inside it."""
    rng = np.random.default_rng(0)
    features = rng.uniform(0, 1, (1, MAP, MAP, channels)).astype(np.float32)
    low = rng.uniform(0, 400, (1, BOXES, 2))
    boxes = np.concatenate([low, low + rng.uniform(20, 200, low.shape)], axis=-1)
    return tf.constant(features), tf.constant(boxes, tf.float32)


if __name__ == "__main__":
    main()
