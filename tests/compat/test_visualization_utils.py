"""Drawing on images in place."""

import io

import numpy as np
import pytest
from PIL import Image, ImageColor

from od_api.compat import visualization_utils as viz
from od_api.pictures.draw import color_of

INDEX = {1: {"id": 1, "name": "dog"}, 2: {"id": 2, "name": "cat"}}
BOXES = np.array([[0.1, 0.1, 0.5, 0.5], [0.6, 0.6, 0.9, 0.9], [0.2, 0.6, 0.4, 0.9]])


def image():
    return np.full((200, 300, 3), 127, np.uint8)


def drawn(**settings):
    """An image with BOXES of classes 1, 2, 7 and scores .9, .6, .4."""
    picture = image()
    given = {
        "classes": np.array([1, 2, 7]),
        "scores": np.array([0.9, 0.6, 0.4]),
        "category_index": INDEX,
        "use_normalized_coordinates": True,
        "line_thickness": 2,
    } | settings
    result = viz.visualize_boxes_and_labels_on_image_array(picture, BOXES, **given)
    assert result is picture
    return picture


def has(picture, color):
    return bool((picture == np.array(color, np.uint8)).all(-1).any())


def test_detections_above_the_threshold_are_drawn_in_place():
    picture = drawn(skip_labels=True, skip_scores=True)
    assert (picture[100, 60] == color_of(0)).all()  # the lower edge of the first box
    assert (picture[60, 100] == 127).all()
    assert (picture[180, 220] == color_of(1)).all()
    assert not has(picture, color_of(6))
    assert has(drawn(min_score_thresh=0.3), color_of(6))
    assert not has(drawn(max_boxes_to_draw=1), color_of(1))


def test_pixels_instead_of_shares():
    size = np.array([200, 300, 200, 300])
    other = image()
    viz.visualize_boxes_and_labels_on_image_array(
        *(other, BOXES * size, [1, 2, 7], [0.9, 0.6, 0.4], INDEX), line_thickness=2
    )
    np.testing.assert_array_equal(other, drawn())


def test_ground_truth_has_one_colour_and_every_box():
    picture = drawn(scores=None, groundtruth_box_visualization_color="lime")
    assert has(picture, ImageColor.getrgb("lime")) and not has(picture, color_of(0))
    assert (picture[120, 220] == ImageColor.getrgb("lime")).all()


def test_agnostic_mode():
    assert has(drawn(agnostic_mode=True), ImageColor.getrgb("DarkOrange"))


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ((2, 0.934, None), "cat: 93%"),
        ((2, None, None), "cat"),
        ((3, 0.5, 7), "N/A: 50%: ID 7"),
        ((None, 0.5, None), "50%"),
        ((None, None, None), ""),
    ],
)
def test_labels(settings, text):
    class_id, score, track_id = settings
    named = class_id is not None and (class_id, INDEX)
    assert viz._label(named, score, track_id) == text


def test_masks_and_boundaries():
    masks = np.zeros((3, 200, 300), np.uint8)
    masks[0, 40:50, 40:50] = 1
    picture = drawn(skip_boxes=True, instance_masks=masks, mask_alpha=0.5)
    want = (127 + np.array(color_of(0))) / 2
    assert np.abs(picture[45, 45] - want).max() <= 1
    assert (picture[60, 60] == 127).all()
    picture = drawn(skip_boxes=True, instance_boundaries=masks)
    assert (picture[45, 45] == color_of(0)).all()
    picture = image()
    viz.draw_mask_on_image_array(picture, masks[0], color="red", alpha=1)
    assert (picture[45, 45] == (255, 0, 0)).all()


def test_keypoints_and_their_edges():
    points = np.full((3, 2, 2), [[0.5, 0.1], [0.5, 0.9]])
    settings = {"keypoints": points, "keypoint_edges": [(0, 1)], "skip_boxes": True}
    picture = drawn(**settings)
    assert (picture[100, 30] == color_of(1)).all()
    assert (picture[100, 150] == color_of(1)).all()
    low = np.array([[0.9, 0.1]] * 3)
    picture = drawn(**settings, keypoint_scores=low)
    assert (picture[100, 30] == color_of(1)).all()
    assert (picture[100, 150] == 127).all() and (picture[100, 270] == 127).all()
    picture = image()
    viz.draw_keypoints_on_image_array(
        picture, [[50, 60]], use_normalized_coordinates=False
    )
    assert (picture[50, 60] == (255, 0, 0)).all()


def test_single_boxes():
    picture = image()
    viz.draw_bounding_box_on_image_array(picture, 0.1, 0.1, 0.5, 0.5, thickness=2)
    several = image()
    viz.draw_bounding_boxes_on_image_array(several, BOXES[:1], thickness=2)
    assert has(picture, (255, 0, 0))
    np.testing.assert_array_equal(picture, several)


def test_files_of_pictures(tmp_path):
    picture = drawn()
    encoded = Image.open(io.BytesIO(viz.encode_image_array_as_png_str(picture)))
    np.testing.assert_array_equal(np.asarray(encoded), picture)
    viz.save_image_array_as_png(picture, tmp_path / "a.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.png")), picture)


def test_nothing_to_draw():
    picture = image()
    nothing = np.zeros((0, 4))
    viz.visualize_boxes_and_labels_on_image_array(picture, nothing, [], [], INDEX)
    assert (picture == 127).all()
