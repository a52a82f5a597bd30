"""Detections are measured alike beside each kind of ground truth."""

import json

import labelled_folders
import numpy as np
import pytest
from labelled_folders import NAMES, SIX

from od_api.cli import main
from od_api.core.errors import UserError
from od_api.data.converters.voc import convert_pascal_voc
from od_api.data.label_map import LabelMap
from od_api.evaluation.bare_files import measure_files
from od_api.ground_truth import opened_truth


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """coco.json, voc/, yolo/ and records/ of six images."""
    root = tmp_path_factory.mktemp("truth")
    labelled_folders.write_coco(root / "coco.json", SIX)
    for kind in ("voc", "yolo"):
        labelled_folders.write_images(root / kind, SIX)
    labelled_folders.write_voc(root / "voc", SIX)
    labelled_folders.write_yolo(root / "yolo", SIX)
    (root / "yolo" / "classes.txt").write_text("\n".join(NAMES))
    prefix = str(root / "records" / "x.record")
    (root / "records").mkdir()
    options = {"label_map_out": root / "records" / "label_map.pbtxt"}
    convert_pascal_voc(root / "voc", root / "voc", prefix, progress=False, **options)
    return root


def write_found(path, truth, ids=(1, 2)):
    """A detection of each object, the more to the right the later; some are of another
    class."""
    rows = []
    for name, _, objects in truth.images(with_masks=False):
        boxes = zip(objects["boxes"], objects["classes"], strict=True)
        for (top, left, low, right), kind in boxes:
            number = len(rows)
            box = [left + 0.9 * number, top, right - left, low - top]
            kind = kind if number % 4 else 1 - kind
            row = {
                "image_id": name,
                "category_id": ids[kind],
                "score": 1 / (number + 2),
            }
            rows.append({**row, "bbox": np.round(box, 3).tolist()})
    path.write_text(json.dumps(rows))
    return path


@pytest.mark.parametrize("kind", ["voc", "yolo", "records", "records/x.record-*"])
def test_numbers_are_those_beside_coco(folder, tmp_path, kind):
    coco, truth = opened_truth(folder / "coco.json"), opened_truth(folder / kind)
    found = [
        write_found(tmp_path / f"{i}.json", one) for i, one in enumerate((coco, truth))
    ]
    expected = measure_files(found[0], coco, output_dir=tmp_path)
    metrics = measure_files(found[1], truth, output_dir=tmp_path)
    assert 0.1 < expected["DetectionBoxes_Precision/mAP"] < 0.9
    assert metrics == pytest.approx(expected, abs=1e-6)


def test_the_command_takes_a_folder_and_the_ids_of_a_label_map(folder, tmp_path):
    """Detections whose cat is 5 and dog is 3."""
    LabelMap.from_names({3: "dog", 5: "cat"}).save(tmp_path / "ids.pbtxt")
    label_map = ["--label-map", f"{tmp_path}/ids.pbtxt"]
    found = write_found(tmp_path / "x.json", opened_truth(folder / "voc"), ids=(5, 3))
    arguments = ["eval", "--detections", str(found), "--ground-truth"]
    out = ["--output", str(tmp_path), "--no-report"]
    assert main([*arguments, f"{folder}/voc", *out]) == 2
    assert main([*arguments, f"{folder}/voc", *label_map, *out]) == 0
    report = json.loads((tmp_path / "eval" / "eval_report.json").read_text())
    assert report["images"] == 6
    assert [row["name"] for row in report["classes"]] == ["dog", "cat"]
    assert main([*arguments, f"{folder}/coco.json", *label_map]) == 2


def test_what_is_no_ground_truth_is_refused(folder, tmp_path):
    (tmp_path / "coco").mkdir()
    (tmp_path / "coco" / "a.json").write_text((folder / "coco.json").read_text())
    with pytest.raises(UserError, match=r"name the file itself.*a\.json"):
        opened_truth(tmp_path / "coco")
    with pytest.raises(UserError, match=r"nothing\.record"):
        opened_truth(tmp_path / "nothing.record")
