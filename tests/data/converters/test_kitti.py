"""KITTI's labels to TFRecords, by hand."""

import data_set_kit as kit
import numpy as np
import pytest

from od_api.core.errors import UserError
from od_api.data import records
from od_api.data.converters.kitti import convert_kitti
from od_api.data.label_map import LabelMap
from od_api.data.tf_example import decode
from od_api.metrics.coco import CocoDetectionMetrics
from od_api.metrics.pascal_voc import PascalVocMetrics
from od_api.metrics.per_image import COLUMNS
from od_api.protos import input_reader_pb2

SPACE = "1.5 1.6 3.7 -2.1 1.8 20.0 0.3"
CAR = f"Car 0.00 0 -1.57 20.00 10.00 60.00 40.00 {SPACE}"
VAN = f"Van 0.00 0 -1.57 80.00 10.00 90.00 20.00 {SPACE}"
WALKER = f"Pedestrian 0.10 1 0.2 100.5 20.0 120.5 70.0 {SPACE}"
DONT_CARE = (
    "DontCare -1 -1 -10 140.00 10.00 190.00 60.00 -1 -1 -1 -1000 -1000 -1000 -10"
)


@pytest.fixture
def convert(tmp_path):
    """Writes the labels of 000000.png, 200 x 100, converts: (summary, records)."""
    images, labels = tmp_path / "image_2", tmp_path / "label_2"
    images.mkdir()
    labels.mkdir()
    (images / "000000.png").write_bytes(kit.picture(200, 100, kind="PNG"))

    def run(*lines, **settings):
        (labels / "000000.txt").write_text("\n".join(lines) + "\n")
        settings = {"label_map_out": tmp_path / "map", "progress": False, **settings}
        summary = convert_kitti(images, labels, tmp_path / "kitti", **settings)
        return summary, kit.read(tmp_path / "kitti")

    return run


def test_one_image_by_hand(convert, tmp_path):
    """Left 20 of 200 is .1, top 10 of 100 is .1; regions come last, one a class."""
    summary, (record,) = convert(DONT_CARE, CAR, WALKER)
    np.testing.assert_allclose(
        kit.boxes(record),
        [
            [0.1, 0.1, 0.4, 0.3],
            [0.2, 0.5025, 0.7, 0.6025],
            *[[0.1, 0.7, 0.6, 0.95]] * 2,
        ],
        rtol=1e-5,
    )
    assert LabelMap.load(tmp_path / "map").names == ["car", "pedestrian"]
    assert record["image/object/class/label"] == [1, 2, 1, 2]
    assert record["image/object/is_crowd"] == [0, 0, 1, 1]
    assert record["image/object/difficult"] == [0, 0, 1, 1]
    assert record["image/source_id"] == [b"000000.png"]
    assert summary["notes"] == {"of these are DontCare regions, one for each class": 2}


def test_classes_that_are_asked_for(convert):
    """The ids are in their order; what is left out is counted."""
    summary, (record,) = convert(VAN, CAR, WALKER, classes=["Pedestrian", "car"])
    assert record["image/object/class/text"] == [b"car", b"pedestrian"]
    assert record["image/object/class/label"] == [2, 1]
    (reason,) = summary["skipped"]
    assert "--classes" in reason and summary["skipped"][reason] == 1
    assert summary["examples"][reason][0].endswith("000000.txt:1 (van)")


def only_sample(folder):
    """The sample of the only record, as training decodes it."""
    (path,) = records.expand(f"{folder}/kitti-*")
    (record,) = records.read(path)
    return decode(record, input_reader_pb2.InputReader())


def test_training_ignores_the_regions(convert, tmp_path):
    convert(CAR, DONT_CARE)
    assert only_sample(tmp_path)["ignored"].numpy().tolist() == [False, True]


@pytest.mark.parametrize("kind", [CocoDetectionMetrics, PascalVocMetrics])
def test_metrics_count_neither_regions_nor_what_is_found_in_them(
    kind, convert, tmp_path
):
    """A car that is found, a small one in the region, and one that is not there.

    In front of the car's .9 the small one would halve the precision. The last, of the
    lowest score, changes nothing.
    """
    convert(CAR, DONT_CARE)
    sample = only_sample(tmp_path)
    truth = {name: sample[name].numpy() for name in COLUMNS}
    boxes = np.float32([[20, 145, 30, 150], [10, 20, 40, 60], [60, 20, 90, 60]])
    found = {
        "boxes": boxes,
        "scores": np.float32([0.95, 0.9, 0.5]),
        "classes": np.int32([0, 0, 0]),
    }
    metrics = kind(LabelMap.load(tmp_path / "map"))
    metrics.add(1, truth, found)
    row = metrics.per_class()[0]
    assert row["groundtruth"] == 1
    np.testing.assert_allclose(row["AP"], 1.0)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (f"{CAR} 0.9", "000000.txt:1: has a score"),
        (CAR.rsplit(" ", 1)[0], "000000.txt:1: has 14 columns"),
        (CAR.replace("20.00", "x", 1), "000000.txt:1: 'x' is not a number"),
        (CAR.replace("Car", "0.5"), "000000.txt:1: '0.5' is no type"),
        (DONT_CARE, "no label file has an object"),
    ],
)
def test_bad_lines_are_named(convert, line, complaint):
    with pytest.raises(UserError, match=complaint.replace(".", r"\.")):
        convert(line)


@pytest.mark.parametrize(
    ("classes", "complaint"),
    [
        (
            ["tram"],
            r"--classes tram: no object of .*label_2 is one; there are car, van",
        ),
        (["DontCare"], "it is no class"),
    ],
)
def test_classes_that_are_not_there(convert, classes, complaint):
    with pytest.raises(UserError, match=complaint):
        convert(CAR, VAN, classes=classes)
