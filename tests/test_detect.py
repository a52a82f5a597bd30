"""Detection over image files, with a model that finds the bright rectangle."""

import json

import numpy as np
import pytest
import tensorflow as tf
from bright_rectangle import BOX, BrightRectangle, save_model, scene
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from od_api import cli
from od_api.core.errors import UserError
from od_api.detect import detect


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("model") / "saved_model")


def save(path, image=None, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(scene()) if image is None else image
    image.save(path, **options)
    return path


def test_results_and_pictures(model, tmp_path):
    """The rectangle spans rows 5..25 and columns 10..50: bbox x 10, y 5, 40 by 20."""
    save(tmp_path / "images" / "a.png")
    results = detect(model, [tmp_path / "images"], tmp_path / "out")
    assert json.loads((tmp_path / "out" / "detections.json").read_text()) == results
    assert [r["bbox"] for r in results] == [[10, 5, 40, 20], [5, 2.5, 20, 10]]
    assert [r["category_id"] for r in results] == [2, 1]
    assert [r["score"] for r in results] == [0.9, 0.6], "0.3 is below 0.5"
    with Image.open(tmp_path / "out" / "a_detections.jpg") as picture:
        # A tiny image is magnified 7 times; in the middle the rectangle is untouched.
        assert picture.size == (420, 280)
        assert min(picture.getpixel((7 * 40, 7 * 20))) > 240
        edge = np.asarray(picture)[7 * 25 - 4 : 7 * 25 + 4, 7 * 30]
        assert np.ptp(edge, axis=-1).max() > 60, "a coloured line at row 25"


def test_masks_become_run_lengths_and_colour(tmp_path):
    """Masks that fill their boxes: 20 by 40 pixels of the first, rows 5..25 and columns
    10..50; the second box is half of it, 2.5..12.5 and 5..25. In the picture the first
    is tinted, though it is white without masks."""
    masks = np.ones([1, 4, 15, 15], np.float32)
    model = save_model(tmp_path / "saved_model", masks=masks)
    save(tmp_path / "images" / "a.png")
    results = detect(model, [tmp_path / "images"], tmp_path / "out")
    read = json.loads((tmp_path / "out" / "detections.json").read_text())
    assert read == results and len(results) == 2
    first, second = (coco_mask.decode(r["segmentation"]) for r in read)
    want = np.zeros([40, 60])
    want[BOX[0] : BOX[2], BOX[1] : BOX[3]] = 1
    # The pasting convention, i / (n - 1), may leave out a border pixel.
    assert first.shape == (40, 60) and (first <= want).all()
    assert first.sum() >= 19 * 39 and 8 * 18 <= second.sum() <= 10 * 20
    truth = COCO(str(tmp_path / "out" / "images.json"))
    assert truth.loadRes(read).anns[1]["area"] == first.sum()
    with Image.open(tmp_path / "out" / "a_detections.jpg") as picture:
        assert np.ptp(picture.getpixel((7 * 40, 7 * 20))) > 60


def test_min_score_and_max_boxes(model, tmp_path, monkeypatch):
    """min_score is for both files; max_boxes for what is drawn alone."""
    drawn = []
    monkeypatch.setattr(
        "od_api.pictures.draw.draw_boxes",
        lambda image, _, labels, classes, masks: (
            drawn.append((labels, classes)) or image
        ),
    )
    image = save(tmp_path / "a.png")
    everything = detect(model, [image], tmp_path / "o", min_score=0.0, max_boxes=1)
    assert [r["score"] for r in everything] == [0.9, 0.6, 0.3]
    ((labels, classes),) = drawn
    assert labels == ["dog 0.90"] and list(classes) == [1]
    for options in ({"min_score": 1.5}, {"min_score": -0.1}, {"max_boxes": -1}):
        with pytest.raises(UserError, match=r"within 0\.\.1"):
            detect(model, [image], tmp_path / "o", **options)


def test_pycocotools_reads_the_results(model, tmp_path):
    """images.json is the data set; with the truth added, the box scores a full AP."""
    for name in ("a.png", "b.png"):
        save(tmp_path / "images" / name)
    detect(model, [tmp_path / "images"], tmp_path / "out")
    data_set = json.loads((tmp_path / "out" / "images.json").read_text())
    assert data_set["categories"] == [
        {"id": 1, "name": "cat"},
        {"id": 2, "name": "dog"},
    ]
    assert [i["file_name"] for i in data_set["images"]] == [
        str(tmp_path / "images" / name) for name in ("a.png", "b.png")
    ]
    assert {(i["width"], i["height"]) for i in data_set["images"]} == {(60, 40)}
    truth = {"bbox": [10, 5, 40, 20], "category_id": 2, "area": 800, "iscrowd": 0}
    data_set["annotations"] = [{**truth, "id": i, "image_id": i} for i in (1, 2)]
    coco = COCO()
    coco.dataset = data_set
    coco.createIndex()
    found = coco.loadRes(str(tmp_path / "out" / "detections.json"))
    evaluation = COCOeval(coco, found, "bbox")
    evaluation.params.catIds = [2]
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert evaluation.stats[0] == pytest.approx(1.0)


def test_same_names_get_pictures_of_their_own(model, tmp_path):
    """Two folders, two formats, and a name that looks like the second one's."""
    files = ["one/a.png", "two/a.png", "two/a.bmp", "two/A_2.png"]
    paths = [save(tmp_path / file) for file in files]
    detect(model, paths, tmp_path / "out")
    pictures = sorted(p.name for p in (tmp_path / "out").glob("*.jpg"))
    assert pictures == [
        "A_2_2_detections.jpg",
        "a_2_detections.jpg",
        "a_3_detections.jpg",
        "a_detections.jpg",
    ]
    listed = json.loads((tmp_path / "out" / "images.json").read_text())["images"]
    assert [i["file_name"] for i in listed] == [str(p) for p in paths]


def test_broken_images_do_not_stop_the_others(model, tmp_path, capsys):
    """Exit status 2 and one message at the end; the rest is written."""
    whole = save(tmp_path / "images" / "b.jpg").read_bytes()
    (tmp_path / "images" / "a.jpg").write_bytes(b"no image")
    (tmp_path / "images" / "c.jpg").write_bytes(whole[:-300])
    save(tmp_path / "images" / "d.png")
    output = tmp_path / "out"
    arguments = ["detect", model, tmp_path / "images", "--output", output]
    assert cli.main([str(a) for a in arguments]) == 2
    message = capsys.readouterr().err
    assert message.count("error:") == 1 and "Traceback" not in message
    assert "2 of 4 images failed, the others are done" in message
    assert "a.jpg: is not an image" in message
    assert "c.jpg: cannot be decoded" in message
    results = json.loads((output / "detections.json").read_text())
    assert {r["image_id"] for r in results} == {2, 4}, "ids do not depend on failures"
    pictures = {p.name for p in output.glob("*.jpg")}
    assert pictures == {"b_detections.jpg", "d_detections.jpg"}


def rotated(tag):
    """The scene as a camera stores it that notes EXIF orientation `tag`."""
    stored = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90}[tag]
    image = Image.fromarray(scene()).transpose(stored)
    exif = image.getexif()
    exif[0x0112] = tag
    return image, {"exif": exif}


def test_orientation_reaches_the_boxes(model, tmp_path):
    image, options = rotated(6)
    assert image.size == (40, 60)
    path = save(tmp_path / "a.png", image, **options)
    results = detect(model, [path], tmp_path / "out")
    assert results[0]["bbox"] == [10, 5, 40, 20]


def test_models_are_found_where_exports_have_them(model, tmp_path):
    """The SavedModel itself, an export around it, or versions: the newest of them."""
    export = tmp_path / "export"
    (export / "serving" / "scenes" / "2").mkdir(parents=True)
    (export / "saved_model").symlink_to(model)
    (export / "serving" / "scenes" / "10").symlink_to(model)
    image = save(tmp_path / "a.png")
    for path in (export, export / "saved_model", export / "serving" / "scenes"):
        assert len(detect(path, [image], tmp_path / "out")) == 2
    with pytest.raises(UserError, match="holds no SavedModel"):
        detect(export / "serving", [image], tmp_path / "out")


def test_models_that_do_not_fit(tmp_path):
    image = save(tmp_path / "a.png")
    floats = save_model(tmp_path / "floats", dtype=tf.float32)
    with pytest.raises(UserError, match=r"float32.*--input-type image_tensor"):
        detect(floats, [image], tmp_path / "out")
    bare = BrightRectangle()
    for name in ("other", "serving_default"):
        tf.saved_model.save(bare, str(tmp_path / name), signatures={name: bare.found})
    with pytest.raises(UserError, match="no signature serving_default"):
        detect(tmp_path / "other", [image], tmp_path / "out")
    with pytest.raises(UserError, match=r"no label map: name one.*--label-map"):
        detect(tmp_path / "serving_default", [image], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    labels = tmp_path / "label_map.pbtxt"
    found = detect(
        tmp_path / "serving_default", [image], tmp_path / "out", label_map_path=labels
    )
    assert len(found) == 2


def test_pictures_do_not_become_input(model, tmp_path):
    save(tmp_path / "a.png")
    with pytest.raises(UserError, match="choose another output directory"):
        detect(model, [tmp_path], tmp_path)


def test_a_bomb_is_refused_by_its_header_and_the_others_go_on(model, tmp_path, capsys):
    """60x40 are 2400 pixels."""
    image = save(tmp_path / "a.png")
    small = save(tmp_path / "b.png", Image.new("RGB", (2, 2), "white"))
    output = tmp_path / "out"
    arguments = [model, image, small, "--output", output, "--max-pixels", "2399"]
    assert cli.main(["detect", *map(str, arguments)]) == 2
    message = capsys.readouterr().err
    assert "1 of 2 images failed" in message and "60x40 are" in message
    assert "--max-pixels" in message
    arguments[-1] = "2400"
    assert cli.main(["detect", *map(str, arguments)]) == 0


def test_what_is_no_number_is_no_detection(tmp_path):
    masks = np.ones([1, 4, 15, 15], np.float32)
    folder = save_model(tmp_path / "saved_model", masks=masks)
    # No pixel is bright, so that the box has no edges.
    image = save(tmp_path / "a.png", Image.new("RGB", (60, 40)))
    results = detect(folder, [image], tmp_path / "out")
    for result in results:
        assert np.isfinite(result["bbox"]).all()
    text = (tmp_path / "out" / "detections.json").read_text()
    assert "NaN" not in text and "Infinity" not in text


def test_names_too_long_for_a_picture_are_cut(model, tmp_path):
    long = "x" * 240
    save(tmp_path / "images" / f"{long}1.png")
    save(tmp_path / "images" / f"{long}2.png")
    detect(model, [tmp_path / "images"], tmp_path / "out")
    pictures = sorted(p.name for p in (tmp_path / "out").glob("*.jpg"))
    assert pictures == [f"{'x' * 200}_2_detections.jpg", f"{'x' * 200}_detections.jpg"]
