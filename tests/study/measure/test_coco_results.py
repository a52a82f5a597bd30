"""Metrics of result lists, by hand and against evaluation as training does it."""

import numpy as np
import pytest
import tiny

from od_api.config.loading import load_config
from od_api.core.errors import UserError
from od_api.data.label_map import LabelMap
from od_api.protos import eval_pb2
from od_api.study.measure.coco_results import coco_annotations, measure, read_results
from od_api.study.measure.evaluation_images import EvaluationImage, EvaluationImages

LABELS = LabelMap.from_names(["cat", "dog"])


def image(image_id, *boxes):
    """A 100 x 200 image of cats; boxes [ymin, xmin, ymax, xmax]."""
    count = len(boxes)
    truth = {
        "boxes": np.array(boxes, np.float32).reshape(-1, 4),
        "classes": np.zeros(count, np.int32),
        "is_crowd": np.zeros(count, bool),
        "difficult": np.zeros(count, bool),
        "area": np.full(count, 400.0, np.float32),
    }
    return EvaluationImage(image_id, np.zeros([100, 200, 3], np.uint8), truth)


def result(image_id, box, score=0.9, category_id=1):
    corners = {"image_id": image_id, "category_id": category_id}
    return {**corners, "bbox": box, "score": score}


def test_boxes_are_corner_and_size():
    """[ymin 10, xmin 20, ymax 30, xmax 40] is [20, 10, 20, 20]: one found, one missed.

    AP is 51 / 101: precision 1 up to a recall of one half, at 51 of 101 points.
    """
    images = [image(7, [10, 20, 30, 40]), image(8, [0, 0, 20, 20])]
    measured = measure([result(7, [20, 10, 20, 20])], images, LABELS, _settings())
    accuracy = measured["accuracy"]
    assert accuracy["DetectionBoxes_Precision/mAP"] == pytest.approx(51 / 101)
    assert accuracy["DetectionBoxes_Recall/AR@1"] == pytest.approx(0.5)
    # There are no large objects, and no dogs.
    assert accuracy["DetectionBoxes_Precision/mAP (large)"] is None
    assert measured["per_class"] == {"cat": pytest.approx(51 / 101), "dog": None}


def test_results_of_an_unknown_image_are_refused():
    with pytest.raises(UserError, match="results of image 9"):
        measure([result(9, [0, 0, 1, 1])], [image(7)], LABELS, _settings())


def test_annotations_are_coco():
    truth = coco_annotations([image(7, [10, 20, 30, 45]), image(8)], LABELS)
    assert truth["images"] == [
        {"id": 7, "height": 100, "width": 200},
        {"id": 8, "height": 100, "width": 200},
    ]
    assert truth["annotations"] == [
        {
            "id": 1,
            "image_id": 7,
            "category_id": 1,
            "bbox": [20.0, 10.0, 25.0, 20.0],
            "area": 400.0,
            "iscrowd": 0,
        }
    ]
    assert [c["name"] for c in truth["categories"]] == ["cat", "dog"]


def test_files_that_are_no_results(tmp_path):
    path = tmp_path / "some.json"
    rows = '[{"image_id": 1, "bbox": BOX, "score": 1, "category_id": CLASS}]'
    wrong_box = rows.replace("BOX", "[1, 2]").replace("CLASS", "1")
    wrong_class = rows.replace("BOX", "[1, 2, 3, 4]").replace("CLASS", '"cat"')
    for text in ("{", "{}", '[{"image_id": 1}]', "[1]", wrong_box, wrong_class):
        path.write_text(text)
        with pytest.raises(UserError, match=r"some\.json"):
            read_results(path)


def test_images_of_records_with_their_source_ids(tmp_path):
    """Synthetic scenes have COCO's ids 1, 2, 3; boxes are in the image's own pixels."""
    data = tiny.make_data(tmp_path, num_images=3)
    images = EvaluationImages(load_config(tiny.write_config(tmp_path, data)))
    seen = list(images)
    assert [i.image_id for i in seen] == [1, 2, 3]
    assert all(i.pixels.shape == (128, 128, 3) for i in seen)
    assert [i.image_id for i in images] == [1, 2, 3]
    assert len(images.pixels(2)) == 2
    perfect = []
    for each in seen:
        truth = each.groundtruth
        for (ymin, xmin, ymax, xmax), label in zip(
            truth["boxes"].tolist(), truth["classes"], strict=True
        ):
            box = [xmin, ymin, xmax - xmin, ymax - ymin]
            perfect.append(result(each.image_id, box, category_id=int(label) + 1))
    measured = measure(perfect, images, images.label_map, images.settings)
    assert measured["accuracy"]["DetectionBoxes_Precision/mAP"] == pytest.approx(1.0)


def _settings():
    return eval_pb2.EvalConfig()
