import numpy as np
import pytest

from od_api.pictures import draw

GRAY = np.full((500, 600, 3), 127, np.uint8)


def test_a_box_is_drawn_in_its_class_colour_and_nothing_else_changes():
    picture = draw.draw_boxes(GRAY, [[100, 200, 300, 400]], [""], [3])
    assert picture.shape == GRAY.shape and picture.dtype == np.uint8
    color = draw.color_of(3)
    assert tuple(picture[100, 350]) == tuple(picture[250, 200]) == color
    assert tuple(picture[200, 300]) == (127, 127, 127)
    assert np.all(GRAY == 127)


def test_a_hundred_classes_have_a_hundred_colours():
    assert len({draw.color_of(i) for i in range(100)}) == 100


def test_tiny_images_are_magnified():
    """50 pixels become 400 by a factor of 8, the box with them."""
    picture = draw.draw_boxes(GRAY[:50, :50], [[10, 10, 40, 40]], [""], [0])
    assert picture.shape == (400, 400, 3)
    assert tuple(picture[80, 200]) == draw.color_of(0)


@pytest.mark.parametrize(
    "boxes",
    [
        np.zeros((0, 4)),
        [[-50, -50, 900, 900]],
        [[0, 0, 0, 0]],
        [[30, 30, 10, 10]],
        [[np.nan, 0, 10, 10]],
        [[700, 700, 800, 800]],
    ],
    ids=str,
)
def test_boxes_of_any_kind_are_survived(boxes):
    n = len(boxes)
    picture = draw.draw_boxes(GRAY, boxes, ["a rather long label .99"] * n, [1] * n)
    assert picture.shape == GRAY.shape


def test_labels_avoid_each_other():
    """Two boxes in the same place: their labels lie apart, so both colours fill as much
    as they do alone."""

    def pixels(classes):
        boxes = [[200, 200, 300, 300]] * len(classes)
        picture = draw.draw_boxes(GRAY, boxes, ["label"] * len(classes), classes)
        inside = picture[203:297, 203:297], picture[:198], picture[303:]
        return [
            sum(np.sum(np.all(part == draw.color_of(c), -1)) for part in inside)
            for c in classes
        ]

    assert pixels([0, 1])[0] == pixels([0])[0]
    assert pixels([0, 1])[1] > 0


def test_side_by_side_is_twice_as_wide():
    truth = ([[10, 10, 90, 90]], ["cat"], [0])
    nothing = (np.zeros((0, 4)), [], [])
    picture = draw.side_by_side(GRAY, truth, nothing)
    height, width = picture.shape[:2]
    assert width >= 2 * 600 and height > 500
    left, right = picture[-500:, :600], picture[-500:, -600:]
    assert tuple(left[50, 10]) == draw.color_of(0)
    assert np.all(right == 127)


def test_contact_sheet_keeps_pictures_apart_and_in_order():
    shades = [np.full((40, 60, 3), v, np.uint8) for v in (10, 60, 110, 160)]
    page = np.asarray(draw.contact_sheet(shades, columns=2))
    assert page.shape == (2 * 46 + 6, 2 * 66 + 6, 3)
    assert [int(page[y, x, 0]) for y in (20, 70) for x in (20, 90)] == [
        10,
        60,
        110,
        160,
    ]
    assert int(page[20, 68, 0]) == 255


def test_contact_sheet_shrinks_what_is_large():
    """600 x 500 to a height of 120 is 144 x 120; the gaps are 6."""
    page = draw.contact_sheet([GRAY, GRAY[:100, :100]], cell=120)
    assert page.size == (2 * (144 + 6) + 6, 120 + 2 * 6)


def test_contact_sheet_of_nothing():
    with pytest.raises(ValueError, match="at least one"):
        draw.contact_sheet([])


def test_masks_are_tinted_and_nothing_else_changes():
    """0.55 of the grey 127 and 0.45 of the colour of class 3; the box is beside it."""
    mask = np.zeros((1, 500, 600), np.uint8)
    mask[0, 100:200, 100:200] = 1
    picture = draw.draw_boxes(GRAY, [[400, 400, 450, 450]], [""], [3], mask)
    want = 0.55 * 127 + 0.45 * np.array(draw.color_of(3))
    assert np.abs(picture[150, 150] - want).max() <= 0.5
    without = draw.draw_boxes(GRAY, [[400, 400, 450, 450]], [""], [3])
    np.testing.assert_array_equal(np.any(picture != without, axis=-1), mask[0] > 0)
    assert np.all(GRAY == 127)


def test_the_most_important_mask_is_on_top():
    """Two masks in one place: the first one's colour is mixed in last."""
    box, masks = [[400, 400, 450, 450]], np.ones((2, 500, 600), np.uint8)
    first, second = (np.array(draw.color_of(c), float) for c in (0, 1))
    picture = draw.draw_boxes(GRAY, box * 2, ["", ""], [0, 1], masks)
    below = 0.55 * 127 + 0.45 * second
    assert np.abs(picture[10, 10] - (0.55 * below + 0.45 * first)).max() <= 1


def test_no_masks_at_all():
    picture = draw.draw_boxes(GRAY, np.zeros((0, 4)), [], [], np.zeros((0, 500, 600)))
    np.testing.assert_array_equal(picture, GRAY)
