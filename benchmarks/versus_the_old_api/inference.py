"""An exported SavedModel on one image at a time, from uint8 pixels to boxes.

The image has the size of the network; resizing, postprocessing and bringing the results
to the host count. Each round also measures how fast the machine multiplies matrices.
"""

import pathlib

import numpy as np
from timing import rate_of_multiplication, times

WARM_UP = 10
OUTPUTS = (
    "detection_boxes",
    "detection_scores",
    "detection_classes",
    "num_detections",
)


def ours(settings):
    import tensorflow as tf

    if settings["bfloat16"]:
        option = {"auto_mixed_precision_onednn_bfloat16": True}
        tf.config.optimizer.set_experimental_options(option)
    yield from _measured(settings, "ours")


def old(settings):
    yield from _measured(settings, "old")


def _measured(settings, side):
    import tensorflow as tf

    folder = pathlib.Path(settings["folder"]) / side / "export" / "saved_model"
    loaded = tf.saved_model.load(str(folder))
    run = loaded.signatures["serving_default"]
    pixels = tf.constant(image(settings["side"]))

    def call():
        found = run(input_tensor=pixels)
        return [found[name].numpy() for name in OUTPUTS]

    for _ in range(WARM_UP):
        outputs = call()
    yield facts(outputs)
    while True:
        rate = rate_of_multiplication()
        yield {
            "seconds": times(call, settings["seconds"]),
            "matmul_flops_per_second": [rate],
        }


def facts(outputs):
    """What was found in one image, of arrays as OUTPUTS names them."""
    boxes, scores, _, count = outputs
    return {
        "detections": int(count[0]),
        "sum of boxes": round(float(boxes.sum()), 3),
        "best scores": [round(float(score), 4) for score in scores[0, :3]],
        "sum of scores": round(float(scores.sum()), 4),
    }


def image(side):
    """[1, side, side, 3] uint8: blocks of colour with noise."""
    rng = np.random.default_rng(0)
    blocks = rng.uniform(0, 255, (side // 16 + 1, side // 16 + 1, 3))
    smooth = blocks.repeat(16, axis=0).repeat(16, axis=1)[:side, :side]
    noisy = smooth + rng.normal(0, 10, smooth.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)[None]
