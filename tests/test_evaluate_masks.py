"""Evaluation of masks: the loop, and the size that images have in their files."""

import json

import numpy as np
import pytest
import tensorflow as tf
import tiny

from od_api.core.detector import Detector
from od_api.core.errors import ConfigError
from od_api.core.types import Detections
from od_api.data.make_example import EncodedImage, Objects, make_example
from od_api.data.records import ShardedWriter
from od_api.data.synthetic import synth
from od_api.evaluation.evaluation import Evaluation
from od_api.evaluation.given_detections import GivenDetections
from od_api.resizers.fixed_shape_resizer import FixedShapeResizer

HEIGHT, WIDTH = 60, 80
READER = "eval_input_reader {\n  label_map_path"
WITH_MASKS = "eval_input_reader {\n  load_instance_masks: true\n  label_map_path"
BOTH = (
    "eval_config { batch_size: 4 num_visualizations: 2 metrics_set: "
    '"coco_detection_metrics" metrics_set: "coco_mask_metrics" }'
)


class LeftHalf(Detector):
    """Finds the left half of every image, as class 1, with a mask of its top half.

    Network inputs are 40x40, so that height and width shrink by different factors.
    """

    resizer = FixedShapeResizer(height=40, width=40)
    num_classes = 5

    def __init__(self, with_masks=True):
        self.parts = {}
        self._with_masks = with_masks

    def call(self, images, true_shapes):
        return tf.shape(images)[0]

    def losses(self, predictions, targets, seed=None):
        masks = 0.0 if targets.masks is None else targets.masks
        return {"mask_pixels": tf.reduce_sum(tf.cast(masks, tf.float32))}

    def detect(self, predictions):
        box = tf.constant([[0.0, 0.0, 40.0, 20.0], [0.0, 0.0, 0.0, 0.0]])
        mask = np.zeros([2, 16, 8], np.float32)
        mask[0, :8] = 1
        every = [tf.repeat(x[None], predictions, 0) for x in (box, tf.constant(mask))]
        one = tf.ones([predictions], tf.int32)
        return Detections(
            boxes=every[0],
            scores=tf.repeat([[0.9, 0.0]], predictions, 0),
            classes=tf.stack([one, one * 0], 1),
            count=one,
            anchor_indices=tf.stack([one, one], 1),
            masks=every[1] if self._with_masks else None,
        )


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Three images whose one object fills the top left quarter, in a box twice as high.

    Of the first, the mask has one more column than that.
    """
    folder = tmp_path_factory.mktemp("data")
    synth.label_map().save(folder / "label_map.pbtxt")
    gray = tf.io.encode_png(tf.fill([HEIGHT, WIDTH, 3], tf.constant(90, tf.uint8)))
    with ShardedWriter(folder / "scenes.record", 1) as writer:
        for index in range(3):
            mask = np.zeros([HEIGHT, WIDTH, 1], np.uint8)
            mask[: HEIGHT // 2, : WIDTH // 2 + (index == 0)] = 1
            writer.write(
                make_example(
                    EncodedImage(
                        gray.numpy(), "png", f"{index}.png", str(index), HEIGHT, WIDTH
                    ),
                    Objects(
                        [[0, 0, 1, 0.5]],
                        ["square"],
                        [2],
                        area=[float(mask.sum())],
                        masks_png=[tf.io.encode_png(mask).numpy()],
                    ),
                )
            )
    return folder


def config_for(folder, data, *changes):
    text = tiny.CONFIG
    old = "eval_config { batch_size: 4 num_visualizations: 2 }"
    changes = changes or ((old, BOTH), (READER, WITH_MASKS))
    path = tiny.write_config(folder, data, *changes[0])
    for before, after in changes[1:]:
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, after))
    return tiny.load_config(path)


def test_boxes_and_masks_in_one_run(data, tmp_path):
    """The box is exact. So is the mask up to its resizing, at 60x80 and not at 40x40:
    the extra column of the first image lowers its IoU to 40/41, above .95."""
    metrics = Evaluation(config_for(tmp_path, data), LeftHalf(), tmp_path).run(7)
    assert metrics["DetectionBoxes_Precision/mAP"] == pytest.approx(1.0)
    assert metrics["DetectionMasks_Precision/mAP@.75IOU"] == pytest.approx(1.0)
    assert metrics["DetectionMasks_Precision/mAP"] > 0.85
    assert metrics["Loss/mask_pixels"] >= 3 * 20 * 20, "losses see the masks"
    report = json.loads((tmp_path / "eval" / "eval_report.json").read_text())
    sets = [e["metrics_set"] for e in report["evaluators"]]
    assert sets == ["coco_detection_metrics", "coco_mask_metrics"]
    (row,) = [row for row in report["classes"] if row["groundtruth"]]
    assert row["name"] == "square" and set(row["AP"]) == set(sets)
    assert (tmp_path / "eval" / "detections.jpg").is_file()


def test_masks_that_were_saved_give_the_same_numbers(data, tmp_path):
    config, path = config_for(tmp_path, data), tmp_path / "found.json"
    of_model = Evaluation(config, LeftHalf(), None, save_to=path).run(7)
    given = GivenDetections(path, num_classes=5)
    assert Evaluation(config, None, None, given=given).run(None) == {
        name: value for name, value in of_model.items() if "Loss" not in name
    }


def test_evaluation_of_boxes_needs_no_masks(data, tmp_path):
    old = "eval_config { batch_size: 4 num_visualizations: 2 }"
    config = config_for(tmp_path, data, (old, old))
    metrics = Evaluation(config, LeftHalf(with_masks=False), tmp_path).run(7)
    assert metrics["DetectionBoxes_Precision/mAP"] == pytest.approx(1.0)
    assert metrics["Loss/mask_pixels"] == 0
    assert not [name for name in metrics if "Masks" in name]


def test_a_reader_that_leaves_out_the_masks(data, tmp_path):
    old = "eval_config { batch_size: 4 num_visualizations: 2 }"
    config = config_for(tmp_path, data, (old, BOTH))
    with pytest.raises(ConfigError, match="set it to true") as error:
        Evaluation(config, LeftHalf(), tmp_path)
    assert error.value.field_path == "eval_input_reader[0].load_instance_masks"


def test_a_model_without_masks(data, tmp_path):
    evaluation = Evaluation(
        config_for(tmp_path, data), LeftHalf(with_masks=False), tmp_path
    )
    with pytest.raises(ConfigError, match="the model predicts none") as error:
        evaluation.run(7)
    assert error.value.field_path == "eval_config.metrics_set"
