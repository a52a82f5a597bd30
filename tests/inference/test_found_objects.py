"""Objects of one image: choosing among them, COCO results, pictures, supervision."""

import sys

import numpy as np
import pytest
from bright_rectangle import BOX, scene
from pycocotools import mask as coco_mask

from od_api.core.errors import UserError
from od_api.inference.found_objects import Detections
from od_api.pictures import rle

BOXES = [BOX, (0, 0, 10, 20), (1, 2, 3, 4)]


def three(**options):
    return Detections(
        BOXES,
        [0.9, 0.6, 0.3],
        [2, 1, 1],
        ["dog", "cat", "cat"],
        **{"size": (40, 60), "pixels": scene(), **options},
    )


def masks():
    """Each is full in its box."""
    full = np.zeros([3, 40, 60], bool)
    for mask, (top, left, bottom, right) in zip(full, BOXES, strict=True):
        mask[top:bottom, left:right] = True
    return full


def with_masks():
    return three(mask_codes=rle.encode(masks()))


def test_fields_are_arrays():
    found = three()
    assert len(found) == 3
    assert found.boxes.dtype == found.scores.dtype == np.float32
    assert found.classes.dtype == np.int64
    assert found.boxes.shape == (3, 4) and found.masks is None
    np.testing.assert_array_equal(with_masks().masks, masks())


@pytest.mark.parametrize(
    ("choose", "classes"),
    [
        (lambda d: 0, [2]),
        (lambda d: -1, [1]),
        (lambda d: slice(0, 2), [2, 1]),
        (lambda d: [2, 0], [1, 2]),
        (lambda d: [], []),
        (lambda d: d.scores > 0.5, [2, 1]),
        (lambda d: d.names == "cat", [1, 1]),
        (lambda d: np.array([1]), [1]),
        (lambda d: np.int64(0), [2]),
    ],
)
def test_choosing(choose, classes):
    found = with_masks()
    chosen = found[choose(found)]
    assert chosen.classes.tolist() == classes
    assert len(chosen) == len(chosen.boxes) == len(chosen.masks) == len(classes)
    rows = np.arange(3)[choose(found)]
    np.testing.assert_array_equal(chosen.masks, masks()[np.atleast_1d(rows)])


def test_iteration_and_ends():
    assert [one.scores.tolist() for one in three()] == [
        pytest.approx([score]) for score in (0.9, 0.6, 0.3)
    ]
    with pytest.raises(IndexError, match="there are 3 detections"):
        three()[3]
    with pytest.raises(IndexError):
        three()[np.array([True, False])]
    none = three()[[]]
    assert len(none) == 0 and not list(none) and none.to_coco() == []
    assert none.boxes.shape == (0, 4)
    assert none.draw().size == (420, 280)


def test_repr_names_the_first(tmp_path):
    assert repr(three()) == "<Detections in 40x60: dog 0.90, cat 0.60, cat 0.30>"
    assert repr(three()[[]]) == "<Detections in 40x60: none>"
    many = three(path=tmp_path / "a.png")[[0] * 7]
    assert repr(many).endswith("a.png, 40x60: " + "dog 0.90, " * 5 + "2 more>")


def test_coco_results():
    """x, y, width, height: 10, 5, 40, 20 of rows 5..25 and columns 10..50."""
    results = with_masks().to_coco(7)
    assert [r["bbox"] for r in results] == [
        [10, 5, 40, 20],
        [0, 0, 20, 10],
        [2, 1, 2, 2],
    ]
    assert [r["category_id"] for r in results] == [2, 1, 1]
    assert [r["score"] for r in results] == [0.9, 0.6, 0.3]
    assert {r["image_id"] for r in results} == {7}
    assert coco_mask.decode(results[0]["segmentation"]).sum() == 20 * 40
    assert "segmentation" not in three().to_coco()[0]


def test_a_picture():
    """7 times as large, since one could read no names otherwise."""
    picture = three().draw()
    assert picture.size == (420, 280)
    edge = np.asarray(picture)[7 * 25 - 4 : 7 * 25 + 4, 7 * 40]
    assert np.ptp(edge, axis=-1).max() > 60, "a coloured line at row 25"
    inside = np.asarray(three().draw(max_boxes=0))
    np.testing.assert_array_equal(inside[::7, ::7], scene())
    tinted = np.asarray(with_masks()[:1].draw())[7 * 20, 7 * 40]
    assert np.ptp(tinted) > 60


def test_an_image_that_is_gone(tmp_path):
    with pytest.raises(UserError, match="without their image"):
        three(pixels=None).draw()
    with pytest.raises(UserError, match=r"a\.png"):
        three(pixels=None, path=tmp_path / "a.png").draw()


@pytest.fixture
def supervision():
    return pytest.importorskip(
        "supervision",
        reason="the package supervision is not installed, so that NOTHING was tried of "
        "to_supervision(): pip install 'od-api[supervision]'",
    )


def test_supervision(supervision):
    """xyxy is x, y, x, y; the package's own area of a box is 40 * 20."""
    given = with_masks().to_supervision()
    assert isinstance(given, supervision.Detections) and len(given) == 3
    assert given.xyxy.tolist()[0] == [10, 5, 50, 25]
    assert given.class_id.tolist() == [2, 1, 1]
    assert given.confidence.tolist() == pytest.approx([0.9, 0.6, 0.3])
    assert given["class_name"].tolist() == ["dog", "cat", "cat"]
    np.testing.assert_array_equal(given.mask, masks())
    assert given.box_area[0] == 40 * 20 and given.area[0] == masks()[0].sum()
    cats = given[given["class_name"] == "cat"]
    assert cats.confidence.tolist() == pytest.approx([0.6, 0.3])
    assert len(cats.with_nms(0.5, class_agnostic=True)) == 2


def test_supervision_without_masks_or_objects(supervision):
    plain, none = three().to_supervision(), three()[[]].to_supervision()
    assert plain.mask is None and plain.area[0] == 40 * 20
    assert len(none) == 0 and none.xyxy.shape == (0, 4)
    empty_masks = with_masks()[[]].to_supervision()
    assert len(empty_masks) == 0
    merged = supervision.Detections.merge([plain, none])
    assert merged.class_id.tolist() == [2, 1, 1]


def test_supervision_draws_them(supervision):
    """Its annotators take our image and our detections: an edge at row 5 is drawn."""
    boxes = supervision.BoxAnnotator(thickness=1)
    drawn = boxes.annotate(scene().copy(), with_masks()[:1].to_supervision())
    assert drawn.shape == scene().shape
    assert (drawn[5, 10:50] != scene()[5, 10:50]).any(-1).all()
    assert (drawn[30:, :5] == scene()[30:, :5]).all()


def test_supervision_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(UserError, match=r"pip install 'od-api\[supervision\]'"):
        three().to_supervision()
