"""Non-maximum suppression of one image, class by class, as a `tf.function`.

Boxes like anchors of all places and sizes, in parts of the image; scores like those of
a trained detector, nearly all low, all above the threshold of the sample configs. The
two get the same arrays and must give the same detections.
"""

import numpy as np
from timing import times

CONFIG = """batch_non_max_suppression {
  score_threshold: 1e-8 iou_threshold: 0.6
  max_detections_per_class: 100 max_total_detections: 100
}"""
_WARM_UP = 3


def ours(settings):
    import tensorflow as tf
    from google.protobuf import text_format

    from od_api.core.registry import build
    from od_api.protos import post_processing_pb2

    message = text_format.Parse(CONFIG, post_processing_pb2.PostProcessing())
    select = build(message).select

    def detect(boxes, scores, window):
        found = select(boxes, scores, window)
        return found.boxes, found.scores, found.classes, found.count

    yield from _measured(tf.function(detect, autograph=False), settings)


def old(settings):
    import old_api
    import tensorflow as tf
    from object_detection.builders import post_processing_builder
    from object_detection.protos import post_processing_pb2

    message = old_api.parse(CONFIG, post_processing_pb2.PostProcessing())
    select, _ = post_processing_builder.build(message)

    def detect(boxes, scores, window):
        found = select(boxes[:, :, None], scores, clip_window=window)
        return found[0], found[1], found[2], found[5]

    yield from _measured(tf.function(detect), settings)


def _measured(detect, settings):
    import tensorflow as tf

    inputs = [tf.constant(x) for x in _inputs(settings["anchors"], settings["classes"])]

    def call():
        return [x.numpy() for x in detect(*inputs)]

    for _ in range(_WARM_UP):
        boxes, scores, classes, count = call()
    yield {
        "detections": int(count[0]),
        "sum of scores": round(float(scores.sum()), 4),
        "sum of boxes": round(float(boxes.sum()), 3),
        "sum of classes": int(classes.sum()),
    }
    while True:
        yield {"seconds": times(call, settings["seconds"])}


def _inputs(anchors, classes):
    """boxes [1, A, 4], scores [1, A, K], window [1, 4]."""
    rng = np.random.default_rng(0)
    center = rng.uniform(0, 1, (1, anchors, 2))
    half = np.exp(rng.uniform(np.log(0.05), np.log(0.6), (1, anchors, 2))) / 2
    boxes = np.concatenate([center - half, center + half], axis=-1)
    logits = rng.normal(-5.0, 1.5, (1, anchors, classes))
    scores = 1 / (1 + np.exp(-logits))
    window = np.float32([[0, 0, 1, 1]])
    return boxes.astype(np.float32), scores.astype(np.float32), window
