"""Detections beside a COCO file, without a config: pycocotools' own numbers."""

import contextlib
import io
import json

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from od_api.cli import main
from od_api.core.errors import UserError
from od_api.evaluation.bare_files import measure_files

# The twelve numbers that pycocotools prints, in its order.
NAMES = [
    *(f"Precision/mAP{x}" for x in ("", "@.50IOU", "@.75IOU")),
    *(f"Precision/mAP ({x})" for x in ("small", "medium", "large")),
    *(f"Recall/AR@{x}" for x in (1, 10, 100)),
    *(f"Recall/AR@100 ({x})" for x in ("small", "medium", "large")),
]
SIDE = 200


def square(x, y, width, height):
    return [[x, y, x + width, y, x + width, y + height, x, y + height]]


def scene(first_id=3):
    """(COCO data set, results): objects, and boxes that are shifted or made up."""
    rng = np.random.default_rng(7)
    ids = [first_id, first_id + 2, first_id + 87]
    images = [{"id": i, "width": SIDE, "height": SIDE} for i in (9, 40, 7, 500)]
    truth, found = [], []
    for image in images[:3]:
        for number in range(8):
            box = np.r_[rng.uniform(0, 90, 2), rng.uniform(8, 100, 2)].round(2)
            row = {"image_id": image["id"], "category_id": ids[number % 3]}
            annotation = row | {"bbox": box.tolist(), "iscrowd": int(number == 7)}
            annotation |= {"segmentation": square(*box), "area": float(box[2] * box[3])}
            truth.append({"id": len(truth) + 1, **annotation})
            for _ in range(2):
                moved = (box + rng.normal(0, 2, 4)).clip(0.5, 99.5).tolist()
                score = {"score": round(rng.uniform(), 2)}
                found.append(row | {"bbox": moved} | score)
    categories = [{"id": i, "name": f"class {i}"} for i in ids]
    data = {"images": images, "annotations": truth, "categories": categories}
    return data, found


def with_masks(found):
    return [row | {"segmentation": square(*row["bbox"])} for row in found]


def written(folder, data, found):
    paths = folder / "truth.json", folder / "found.json"
    for path, value in zip(paths, (data, found), strict=True):
        path.write_text(json.dumps(value))
    return paths


def of_pycocotools(truth, found, kind):
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(truth)
        run = COCOeval(truth, truth.loadRes(str(found)), kind)
        run.evaluate()
        run.accumulate()
        run.summarize()
    return run.stats


@pytest.mark.parametrize("first_id", [0, 3])
def test_boxes_are_those_of_pycocotools(tmp_path, first_id):
    """Ids with gaps; those of Roboflow and others start at 0."""
    truth, found = written(tmp_path, *scene(first_id))
    metrics = measure_files(found, truth)
    expected = of_pycocotools(truth, found, "bbox")
    assert len(metrics) == 12 and 0.2 < expected[0] < 0.9
    for name, value in zip(NAMES, expected, strict=True):
        assert metrics[f"DetectionBoxes_{name}"] == pytest.approx(value, abs=1e-12)


def test_masks_are_those_of_pycocotools(tmp_path):
    data, found = scene()
    truth, found = written(tmp_path, data, with_masks(found))
    metrics = measure_files(found, truth)
    assert len(metrics) == 24
    for kind, prefix in (("bbox", "Boxes"), ("segm", "Masks")):
        expected = of_pycocotools(truth, found, kind)
        for name, value in zip(NAMES, expected, strict=True):
            # Where a result has a mask pycocotools takes its area for the box's, too.
            if kind == "segm" or "(" not in name:
                got = metrics[f"Detection{prefix}_{name}"]
                assert got == pytest.approx(value, abs=1e-12), name


def test_masks_need_no_boxes(tmp_path):
    """Many programs write results of masks alone: the boxes are those of the masks."""
    data, found = scene()
    both = measure_files(*reversed(written(tmp_path, data, with_masks(found))))
    for row in found:
        row["bbox"] = [round(x) for x in row["bbox"]]
    whole = measure_files(*reversed(written(tmp_path, data, with_masks(found))))
    bare = [{k: v for k, v in r.items() if k != "bbox"} for r in with_masks(found)]
    assert measure_files(*reversed(written(tmp_path, data, bare))) == whole
    assert whole != both


def test_command_writes_the_report(tmp_path, capsys):
    truth, found = written(tmp_path, *scene())
    arguments = ["eval", "--detections", str(found), "--ground-truth", str(truth)]
    more = ["--metrics-set", "pascal_voc_detection_metrics", "--output"]
    assert main([*arguments, *more, str(tmp_path / "out")]) == 0
    report = json.loads((tmp_path / "out" / "eval" / "eval_report.json").read_text())
    assert report["images"] == 4 and report["step"] is None
    assert 0 < report["metrics"]["PascalBoxes_Precision/mAP@0.5IOU"] < 1
    assert [row["id"] for row in report["classes"]] == [3, 5, 90]
    assert (tmp_path / "out" / "eval" / "report.html").is_file()
    best = report["diagnosis"]["threshold"]
    assert 0 < best["f1"] < 1
    capsys.readouterr()
    assert main([*arguments, "--metrics-set", "coco"]) == 2
    assert "--metrics-set: there is no metrics set 'coco'" in capsys.readouterr().err
    assert not (tmp_path / "eval").exists()


def test_two_files_are_compared(tmp_path):
    """The second lacks the first image's detections."""
    data, found = scene()
    truth, whole = written(tmp_path, data, found)
    part = tmp_path / "part.json"
    first = found[0]["image_id"]
    part.write_text(json.dumps([r for r in found if r["image_id"] != first]))
    arguments = ["eval", "--ground-truth", str(truth), str(whole), str(part)]
    out = tmp_path / "out"
    assert main([*arguments, "--bootstrap", "50", "--output", str(out)]) == 0
    report = json.loads((out / "comparison.json").read_text())[""]
    assert report["difference"]["mAP"]["value"] < 0
    expected = of_pycocotools(truth, whole, "bbox")
    assert report["first"]["mAP"]["value"] == pytest.approx(expected[0], abs=1e-12)
    assert report["first"]["mAP50"]["value"] == pytest.approx(expected[1], abs=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--ground-truth", "t.json"], "--ground-truth needs --detections"),
        (["c", "--detections", "f", "--ground-truth", "t"], "in place of a config"),
        (["--detections", "f.json"], "--ground-truth DATA"),
        (["c", "--ground-truth", "t.json"], "or two files of detections to compare"),
        (["c", "run", "--metrics-set", "x"], "eval_config.metrics_set"),
    ],
)
def test_options_that_do_not_go_together(tmp_path, capsys, arguments, message):
    config = tmp_path / "c"
    config.write_text("")
    arguments = [str(config) if a == "c" else a for a in arguments]
    assert main(["eval", *arguments]) == 2
    assert message in capsys.readouterr().err


def changed(index, **values):
    def change(data, found):
        found[index] = found[index] | values

    return change


def no_images(data, found):
    data["images"], data["annotations"] = [], []


def no_sizes(data, found):
    for image in data["images"]:
        image.pop("width")
    found[:] = with_masks(found)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (changed(1, image_id=8), "detection number 1: the image 8 is in no image of"),
        (changed(1, category_id=4), "1: class 4 is not in the classes of"),
        (changed(1, bbox=[300, 2, 3, 4]), "lies outside the image of 200x200"),
        (no_images, "its list 'images' is empty"),
        (no_sizes, "annotation 17: its image has no width and height"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, change, message):
    data, found = scene()
    change(data, found)
    truth, found = written(tmp_path, data, found)
    with pytest.raises(UserError) as error:
        measure_files(found, truth)
    assert message in str(error.value)
    assert not (tmp_path / "eval").exists()


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("name", ["empty.json", "empty"])
def test_empty_files(tmp_path, which, name):
    paths = list(written(tmp_path, *scene()))
    paths[which] = tmp_path / name
    paths[which].write_text("")
    with pytest.raises(UserError, match="empty"):
        measure_files(paths[1], paths[0])
