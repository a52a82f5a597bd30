"""The old API's position-sensitive crops.

Run through `make_golden.py`. Returns {case: {field: array}}.
"""

import golden_inputs
import numpy as np
import tensorflow.compat.v1 as tf
from object_detection.utils import ops

# name: (crop size, bins)
CROPS = {
    "3x3": ((9, 9), (3, 3)),
    "3x3_one_sample": ((3, 3), (3, 3)),
    "2x3_uneven": ((8, 6), (2, 3)),
    "1x1": ((4, 4), (1, 1)),
}


def position_sensitive_crops():
    """[P, D] votes of 12 normalised boxes, and [P, ch, cw, D] before any average."""
    rng = np.random.default_rng(11)
    features = rng.uniform(0, 1, (11, 14, 18)).astype(np.float32)
    boxes = golden_inputs.boxes(12, 12)
    boxes[10] = [0, 0, 1, 1]
    boxes[11] = [0.3, 0.4, 0.3, 0.4]
    cases = {"input": {"features": features, "boxes": boxes}}
    for name, (crop_size, bins) in CROPS.items():
        cases[name] = {"crop_size": crop_size, "bins": bins}
        for pooled in (True, False):
            if not pooled and crop_size[0] // bins[0] != crop_size[1] // bins[1]:
                continue
            crops = ops.position_sensitive_crop_regions(
                tf.constant(features),
                tf.constant(boxes),
                list(crop_size),
                list(bins),
                pooled,
            ).numpy()
            cases[name]["pooled" if pooled else "crops"] = crops
    return cases
