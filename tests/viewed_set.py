"""A data set of three pictures with detections, counted by hand.

0  640x480: a cat 100x100, a dog 20x20; found: the cat, a dog beside it
1  640x480: a crowd of cats; nothing found
2  64x48, gray, without a format: a cat of its size; nothing found
"""

import json

import data_set_kit
import numpy as np
import tensorflow as tf

from od_api.data.label_map import LabelMap
from od_api.data.make_example import EncodedImage, Objects, make_example

CAT, DOG = 1, 2


def write(folder):
    """Writes set.record, label_map.pbtxt and found.json; returns the folder."""
    LabelMap.from_names(["cat", "dog"]).save(folder / "label_map.pbtxt")
    picture = data_set_kit.picture(640, 480)
    first = [_of_pixels(100, 100, 200, 200), _of_pixels(300, 300, 320, 320)]
    examples = [
        _example(picture, "a.jpg", "10", first, [CAT, DOG]),
        _example(picture, "b.jpg", "11", [_of_pixels(0, 0, 50, 50)], [CAT], [True]),
        _example(bytes(64 * 48), "c", "12", [[0, 0, 1, 1]], [CAT], raw=(48, 64)),
    ]
    with tf.io.TFRecordWriter(str(folder / "set.record")) as writer:
        for example in examples:
            writer.write(example.SerializeToString())
    found = [
        {"image_id": 10, "category_id": CAT, "bbox": [100, 100, 100, 98], "score": 0.9},
        {"image_id": 10, "category_id": DOG, "bbox": [300, 310, 20, 20], "score": 0.8},
        {"image_id": 10, "category_id": DOG, "bbox": [0, 0, 9, 9], "score": 0.1},
    ]
    (folder / "found.json").write_text(json.dumps(found))
    return folder


def _of_pixels(ymin, xmin, ymax, xmax):
    return np.array([ymin / 480, xmin / 640, ymax / 480, xmax / 640])


def _example(encoded, name, source_id, boxes, classes, crowd=None, raw=None):
    height, width = raw or (480, 640)
    image = EncodedImage(
        encoded, "RAW" if raw else "jpeg", name, source_id, height, width
    )
    texts = [{CAT: "cat", DOG: "dog"}[i] for i in classes]
    return make_example(image, Objects(boxes, texts, classes, crowd))
