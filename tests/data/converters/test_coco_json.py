"""COCO JSON to TFRecords: hand-made files, then the real ones."""

import io
import json

import data_set_kit as kit
import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from od_api.core.errors import UserError
from od_api.data.converters.coco_json import convert_coco
from od_api.data.label_map import LabelMap


def _coco():
    return {
        "images": [
            {"id": 7, "file_name": "a.jpg", "width": 200, "height": 100},
            {"id": 9, "file_name": "b.png", "width": 50, "height": 40},
        ],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 5, "bbox": [20, 10, 40, 30]},
            {
                "id": 2,
                "image_id": 7,
                "category_id": 90,
                "bbox": [0, 0, 200, 100],
                "area": 123.5,
                "iscrowd": 1,
            },
        ],
        "categories": [{"id": 90, "name": "toothbrush"}, {"id": 5, "name": "airplane"}],
    }


@pytest.fixture
def convert(tmp_path):
    """Writes the images and the JSON, converts, returns (summary, records)."""
    (tmp_path / "a.jpg").write_bytes(kit.picture(200, 100))
    (tmp_path / "b.png").write_bytes(kit.picture(50, 40, kind="PNG"))

    def run(data, **settings):
        path = tmp_path / "annotations.json"
        path.write_text(data if isinstance(data, str) else json.dumps(data))
        prefix = tmp_path / "out" / "set"
        prefix.parent.mkdir(exist_ok=True)
        summary = convert_coco(
            path, tmp_path, prefix, tmp_path / "map", progress=False, **settings
        )
        return summary, kit.read(prefix)

    return run


def test_one_image_by_hand(convert, tmp_path):
    """[20, 10, 40, 30] in 200x100: x 20..60 of 200 = .1 .. .3, y 10..40 = .1 .. .4."""
    summary, (first, second) = convert(_coco())
    np.testing.assert_allclose(
        kit.boxes(first), [[0.1, 0.1, 0.4, 0.3], [0, 0, 1, 1]], rtol=1e-6
    )
    assert first["image/object/class/label"] == [5, 90]
    assert first["image/object/class/text"] == [b"airplane", b"toothbrush"]
    assert first["image/object/is_crowd"] == [0, 1]
    assert first["image/object/area"] == [40 * 30, 123.5]
    assert first["image/source_id"] == [b"7"] and first["image/filename"] == [b"a.jpg"]
    assert (first["image/height"], first["image/width"]) == ([100], [200])
    assert first["image/format"] == [b"jpeg"] and second["image/format"] == [b"png"]
    assert first["image/encoded"] == [(tmp_path / "a.jpg").read_bytes()]
    assert kit.boxes(second).size == 0
    assert LabelMap.load(tmp_path / "map").ids == [5, 90]
    assert summary == {
        "images": 2,
        "images_without_boxes": 1,
        "boxes": 2,
        "clipped_boxes": 0,
        "per_class": {"airplane": 1, "toothbrush": 1},
        "notes": {},
        "skipped": {},
        "examples": {},
    }


def test_boxes_without_extent_are_counted_and_left_out(convert):
    data = _coco()
    for number, bbox in enumerate(([5, 5, 0, 9], [5, 5, 9, -1], [300, 5, 9, 9]), 3):
        annotation = {"id": number, "image_id": 9, "category_id": 5, "bbox": bbox}
        data["annotations"].append(annotation)
    summary, records = convert(data)
    assert summary["skipped"] == {
        "box of size zero": 1,
        "box with its maximum below its minimum": 1,
        "box outside of the image": 1,
    }
    assert "annotation 3" in summary["examples"]["box of size zero"][0]
    assert kit.boxes(records[1]).size == 0


def test_boxes_are_cut_at_the_border(convert):
    data = _coco()
    data["annotations"][0]["bbox"] = [-20, 50, 120, 80]
    summary, records = convert(data)
    np.testing.assert_allclose(kit.boxes(records[0])[0], [0.5, 0, 1, 0.5])
    assert summary["clipped_boxes"] == 1


def test_masks_are_png_of_the_image_size(convert):
    data = _coco()
    polygon = [[20, 10, 60, 10, 60, 40, 20, 40]]
    mask = np.zeros((100, 200), np.uint8, order="F")
    mask[30:50, 60:90] = 1
    rle = coco_mask.encode(mask)
    data["annotations"][0]["segmentation"] = polygon
    data["annotations"][1]["segmentation"] = {
        "size": [100, 200],
        "counts": rle["counts"].decode(),
    }
    _, records = convert(data, include_masks=True)
    decoded = [
        np.array(Image.open(io.BytesIO(png))) for png in records[0]["image/object/mask"]
    ]
    expected = np.zeros((100, 200))
    expected[10:40, 20:60] = 1
    np.testing.assert_array_equal(decoded[0], expected)
    np.testing.assert_array_equal(decoded[1], mask)


def test_bad_masks_are_named(convert):
    data = _coco()
    data["annotations"][0]["segmentation"] = [[20, 10, None, 10, 60, 40]]
    with pytest.raises(UserError, match="annotation 1: bad segmentation: a polygon"):
        convert(data, include_masks=True)
    del data["annotations"][0]["segmentation"]
    with pytest.raises(UserError, match="annotation 1: has no 'segmentation'"):
        convert(data, include_masks=True)


def test_category_zero_is_refused_or_renumbered(convert, tmp_path):
    data = _coco()
    data["categories"][1]["id"] = 0
    data["annotations"][0]["category_id"] = 0
    with pytest.raises(UserError, match=r"'airplane' has id 0.*--renumber"):
        convert(data)
    _, records = convert(data, renumber=True)
    assert records[0]["image/object/class/label"] == [1, 2]
    assert LabelMap.load(tmp_path / "map").names == ["airplane", "toothbrush"]


def test_category_ids_beyond_a_label_map_are_refused(convert):
    data = {**_coco(), "annotations": []}
    data["categories"][0]["id"] = 2**31
    with pytest.raises(UserError, match=r".json: .*'toothbrush'.*too large"):
        convert(data)
    convert(data, renumber=True)


def test_shuffling_is_seeded_and_keeping_the_order_is_the_default(convert, tmp_path):
    data = {**_coco(), "annotations": []}
    data["images"] = [{"id": i, "file_name": f"{i}.jpg"} for i in range(20)]
    for i in range(20):
        (tmp_path / f"{i}.jpg").write_bytes(kit.picture(8, 8))

    def order(**settings):
        records = convert(data, **settings)[1]
        return [int(features["image/source_id"][0]) for features in records]

    assert order() == list(range(20))
    shuffled = order(seed=1)
    assert shuffled == order(seed=1) != order(seed=2)
    assert sorted(shuffled) == list(range(20)) != shuffled


def test_shards_hold_every_image_once(convert, tmp_path):
    convert(_coco(), num_shards=2)
    names = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert names == ["set-00000-of-00002", "set-00001-of-00002"]


def _change(path, value):
    def change(data):
        *parents, last = path
        for key in parents:
            data = data[key]
        if value is None:
            del data[last]
        else:
            data[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_change(["annotations"], None), "no list 'annotations'"),
        (_change(["annotations", 0, "bbox"], [1, 2, 3]), r"annotation 1: bbox is \[1,"),
        (_change(["annotations", 0, "bbox"], None), "annotation 1: has no 'bbox'"),
        (_change(["annotations", 1, "image_id"], 8), "annotation 2: image_id 8 is not"),
        (_change(["annotations", 1, "category_id"], 6), "annotation 2: category_id 6"),
        (_change(["images", 1, "id"], 7), "image id 7 is there twice"),
        (_change(["images", 0, "file_name"], "c.jpg"), r"image 7: its image .*c\.jpg"),
        (_change(["images", 0, "file_name"], None), "image 7: has no 'file_name'"),
        (_change(["categories"], []), "'categories' is empty"),
        (_change(["categories", 0, "id"], "5"), "category id 5 is there twice"),
        (
            _change(["categories", 0, "id"], "v"),
            "category number 0: its id 'v' is text",
        ),
        (_change(["images", 0, "width"], "200"), "image 7: width is '200'"),
        (_change(["annotations", 0, "area"], "x"), "annotation 1: area is 'x'"),
        (_change(["annotations", 0], 3), "annotation number 0: is 3, not an object"),
    ],
)
def test_malformed_files_are_named(convert, change, message):
    data = _coco()
    change(data)
    with pytest.raises(UserError, match=message) as error:
        convert(data)
    assert "annotations.json" in str(error.value)


def test_broken_json_is_named_with_line_and_column(convert):
    with pytest.raises(UserError, match=r"annotations\.json:2:11: .* is no JSON"):
        convert('{\n"images": oops}')


def test_swapped_size_is_told(convert):
    data = _coco()
    data["images"][0].update(width=100, height=200)
    with pytest.raises(UserError, match=r"image 7: says 100x200.*200x100.*swapped"):
        convert(data)
    summary, records = convert(data, skip_bad_images=True)
    assert summary["skipped"] == {"bad image": 1} and len(records) == 1


def test_broken_image_is_told(convert, tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(UserError, match=r"a\.jpg: cannot be decoded"):
        convert(_coco())


@pytest.mark.parametrize("said", [(100, 200), (200, 100)])
def test_photos_that_lie_turn_with_boxes_and_masks(convert, tmp_path, said):
    """Orientation 6; the object is at the left and top of the upright picture."""
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "a.jpg").write_bytes(kit.picture(200, 100, exif=exif))
    data = _coco()
    del data["annotations"][1]
    x, y, w, h = [10, 20, 20, 40] if said == (100, 200) else [20, 70, 40, 20]
    polygon = [x, y, x + w, y, x + w, y + h, x, y + h]
    data["annotations"][0].update(bbox=[x, y, w, h], segmentation=[polygon])
    data["images"][0].update(width=said[0], height=said[1])
    summary, (record, _) = convert(data, include_masks=True)
    np.testing.assert_allclose(kit.boxes(record), [[0.1, 0.1, 0.3, 0.3]], rtol=1e-6)
    (mask,) = record["image/object/mask"]
    expected = np.zeros((200, 100))
    expected[20:60, 10:30] = 1
    np.testing.assert_array_equal(Image.open(io.BytesIO(mask)), expected)
    assert sum(summary["notes"].values()) == 1


@pytest.mark.parametrize(
    "name", ["../a.jpg", "/etc/passwd", "C:\\a.jpg", "x/../../a", "\0"]
)
def test_images_outside_of_the_folder_are_never_read(convert, name):
    data = _coco()
    data["images"][0]["file_name"] = name
    with pytest.raises(UserError, match="image 7: file_name"):
        convert(data, skip_bad_images=True)


@pytest.mark.parametrize("name", ["sub\\B.PNG", "./sub/b.png", "sub//b.png"])
def test_file_names_of_another_system(convert, tmp_path, name):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.png").write_bytes(kit.picture(50, 40, kind="PNG"))
    data = _coco()
    data["images"][1]["file_name"] = name
    assert convert(data)[0]["images"] == 2


def test_one_file_in_two_images_is_refused(convert):
    data = _coco()
    data["images"][1] = {"id": 9, "file_name": "a.jpg"}
    with pytest.raises(UserError, match=r"image 7 and .*image 9 are both for .*a\.jpg"):
        convert(data)


def test_a_label_map_decides_by_name(convert, tmp_path):
    LabelMap.from_names({1: "toothbrush", 2: "airplane"}).save(tmp_path / "map")
    _, (record, _) = convert(_coco())
    assert record["image/object/class/label"] == [2, 1]


def test_all_images_bad(convert, tmp_path):
    for name in ("a.jpg", "b.png"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(
        UserError, match=r"all 2 images are bad; the first: .*a\.jpg: is"
    ):
        convert(_coco(), skip_bad_images=True)
    assert not (tmp_path / "map").exists() and not any((tmp_path / "out").iterdir())


@pytest.mark.parametrize("number", [0, -1, 3, 10**9])
def test_numbers_of_shards_that_make_no_sense(convert, number):
    with pytest.raises(UserError, match=rf"--num-shards {number}: ask for 1 to 2"):
        convert(_coco(), num_shards=number)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seeds_that_make_no_sense(convert, seed):
    with pytest.raises(UserError, match=rf"--seed {seed}: use a number from 0 to"):
        convert(_coco(), seed=seed)


def test_nothing_is_left_behind_by_a_failed_conversion(convert, tmp_path):
    data = _coco()
    data["images"][1]["file_name"] = "missing.jpg"
    with pytest.raises(UserError):
        convert(data)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("split", "num_boxes", "empty"), [("train", 929, 2), ("val", 898, None)]
)
def test_coco128(data_dir, tmp_path, split, num_boxes, empty):
    """128 images; train 000000000250 and 000000000508 have no object."""
    folder = data_dir / "coco128"
    summary = convert_coco(
        folder / f"derived_instances_{split}2017.json",
        folder / "images" / f"{split}2017",
        tmp_path / "coco",
        tmp_path / "map",
        num_shards=2,
        progress=False,
    )
    assert summary["images"] == 128
    assert summary["boxes"] == num_boxes and summary["skipped"] == {}
    label_map = LabelMap.load(tmp_path / "map")
    assert len(label_map.ids) == 80 and label_map.num_classes == 90
    records = kit.read(tmp_path / "coco")
    assert len(records) == 128
    if empty is not None:
        without = [r["image/source_id"][0] for r in records if not kit.boxes(r).size]
        assert sorted(without) == [b"250", b"508"]
