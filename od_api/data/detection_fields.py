"""What a record holds of detections, under the old API's keys.

image/detection/bbox/{ymin,xmin,ymax,xmax}  floats, in 0..1 of the image
image/detection/label                       ids of the label map
image/detection/score                       floats
"""

import numpy as np

_EDGES = ("ymin", "xmin", "ymax", "xmax")
_LABEL, _SCORE = "image/detection/label", "image/detection/score"
KEYS = (*(f"image/detection/bbox/{edge}" for edge in _EDGES), _LABEL, _SCORE)


def put_detections(example, boxes, class_ids, scores):
    """Writes detections into a tf.train.Example, in place of those that it has.

    Args:
      example: tf.train.Example.
      boxes: [n, 4] in 0..1.
      class_ids: [n], as in the label map.
      scores: [n].
    """
    feature = example.features.feature
    for column, edge in enumerate(_EDGES):
        values = feature[f"image/detection/bbox/{edge}"]
        values.Clear()
        values.float_list.value.extend(float(box[column]) for box in boxes)
    for key in (_LABEL, _SCORE):
        feature[key].Clear()
    feature[_LABEL].int64_list.value.extend(int(i) for i in class_ids)
    feature[_SCORE].float_list.value.extend(float(s) for s in scores)


def detections_in(example):
    """(boxes float32 [n, 4], class ids [n], scores float32 [n]) of an Example.

    Raises:
      ValueError: it has none of the keys, or lists of several lengths.
    """
    feature = example.features.feature
    if not any(key in feature for key in KEYS):
        raise ValueError(
            "has no image/detection/*, so that it holds no detections (od-api data "
            "infer writes them)"
        )
    edges = [feature[key].float_list.value for key in KEYS[:4]]
    ids, scores = feature[_LABEL].int64_list.value, feature[_SCORE].float_list.value
    lengths = {
        key.removeprefix("image/detection/"): len(values)
        for key, values in zip(KEYS, (*edges, ids, scores), strict=True)
    }
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise ValueError(f"its lists of detections differ in length: {told}")
    boxes = np.array(edges, np.float32).T.reshape(-1, 4)
    return boxes, np.array(ids, np.int64), np.array(scores, np.float32)
