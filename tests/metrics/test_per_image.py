"""What evaluation hands to its evaluators, from records and detections on."""

import json

import numpy as np
import pytest
import tensorflow as tf
import tiny

from od_api.data.label_map import LabelMap
from od_api.data.make_example import EncodedImage, Objects, make_example
from od_api.data.sharded_writer import ShardedWriter
from od_api.evaluate import evaluate_detections

GROUP, OBJECT = (0.0, 0.0, 0.5, 0.5), (0.5, 0.5, 0.75, 0.75)


def record(index, class_id, boxes, **lists):
    """A black image of 64 x 64 with boxes of one class, and further int64 lists."""
    png = tf.io.encode_png(np.zeros([64, 64, 3], np.uint8)).numpy()
    image = EncodedImage(png, "png", "", str(index), 64, 64)
    name = ("cat", "dog")[class_id - 1]
    ids = [class_id] * len(boxes)
    example = make_example(image, Objects(boxes, [name] * len(boxes), ids))
    for key, values in lists.items():
        feature = example.features.feature[f"image/{key.replace('__', '/')}"]
        feature.int64_list.value.extend(values)
    return example


def detection(index, class_id, box, score):
    ymin, xmin, ymax, xmax = (64 * edge for edge in box)
    return {
        "image_id": index,
        "category_id": class_id,
        "bbox": [xmin, ymin, xmax - xmin, ymax - ymin],
        "score": score,
    }


def test_groups_and_known_classes_reach_the_metrics(tmp_path):
    """Image 1: a group of cats, in which a small one is found; nobody looked for dogs.
    Image 2: a dog, found at .5. The alarm for a dog in image 1, at .9, is right in
    COCO's eyes a mistake, and not in those of Open Images and LVIS. COCO's cat is not
    where the group is."""
    examples = [
        record(1, 1, [GROUP], object__group_of=[1], class__label=[1]),
        record(2, 2, [OBJECT], neg_category_ids=[1]),
    ]
    with ShardedWriter(tmp_path / "x", 1) as writer:
        for example in examples:
            writer.write(example)
    LabelMap.from_names(["cat", "dog"]).save(tmp_path / "labels.pbtxt")
    small = (0.0, 0.0, 0.125, 0.125)
    found = [
        detection(1, 1, small, 0.8),
        detection(1, 2, OBJECT, 0.9),
        detection(2, 2, OBJECT, 0.5),
    ]
    (tmp_path / "found.json").write_text(json.dumps(found))
    config = tiny.config_for(tmp_path, tmp_path)
    reader = config.eval_input_reader[0]
    reader.tf_record_input_reader.input_path[:] = writer.paths
    reader.label_map_path = str(tmp_path / "labels.pbtxt")
    names = "coco_detection", "oid_V2_detection", "oid_challenge_detection"
    config.eval_config.metrics_set[:] = [f"{n}_metrics" for n in names]
    config.eval_config.metrics_set.append("lvis_detection_metrics")
    metrics = evaluate_detections(config, tmp_path / "found.json")
    assert metrics["DetectionBoxes_Precision/mAP"] == pytest.approx(1 / 4)
    assert metrics["DetectionBoxes_AP"] == pytest.approx(1 / 2)
    by_class = "PerformanceByCategory/AP@0.5IOU"
    assert np.isnan(metrics[f"OpenImagesV2_{by_class}/cat"])
    assert metrics[f"OpenImagesV2_{by_class}/dog"] == pytest.approx(1 / 2)
    challenge = f"OpenImagesDetectionChallenge_{by_class}"
    assert metrics[f"{challenge}/cat"] == pytest.approx(1.0)
    assert metrics[f"{challenge}/dog"] == pytest.approx(1.0)
