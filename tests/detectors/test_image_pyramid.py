"""A pyramid's views, ranges and merging, by values that a reader can check."""

import detector_kit as kit
import numpy as np
import pytest
import tensorflow as tf
from pyramid_kit import Finder, keep, pyramid

from od_api.core.errors import ConfigError
from od_api.core.types import Detections
from od_api.protos import suppression_pb2

BOX = [10.0, 20.0, 30.0, 60.0]
DETECTORS = [name for name in kit.DETECTORS if name != "mask_rcnn"]


def dark_rows(image):
    """One box around what is dark, of the first class; a score by the image's height.

    40 rows: .4, 80 rows: .8.
    """
    dark = np.argwhere(image[:, :, 0] < 100)
    box = [*dark.min(axis=0), *(dark.max(axis=0) + 1)] if len(dark) else [0.0] * 4
    return [box], [[len(image) / 100, 0.0]]


def with_box(height, width, box, side=None):
    """[1, height, width or side, 3] white with one dark box, black padding."""
    image = np.zeros([1, height, side or width, 3], np.float32)
    image[:, :, :width] = 255
    ymin, xmin, ymax, xmax = (int(x) for x in box)
    image[:, ymin:ymax, xmin:xmax] = 0
    return tf.constant(image), tf.constant([[height, width]])


def found_by(model, images, shapes, **further):
    found = model.detect(model.call(images, shapes, **further))
    count = int(found.count[0])
    return found.boxes[0, :count].numpy(), found.scores[0, :count].numpy()


def test_boxes_of_all_sizes_are_in_pixels_of_the_largest():
    """80 x 160: the box is seen there, and half as large at 40 x 80.

    IoU 1: the better one, of the larger size, suppresses the other.
    """
    finder = Finder(dark_rows)
    model = pyramid(keep(40, 80) + keep(80, 160), finder)
    inputs = with_box(80, 160, BOX)
    predictions = model.call(*inputs)
    assert [x[1].tolist() for x in finder.seen] == [[[40, 80]], [[80, 160]]]
    np.testing.assert_allclose(predictions.seen[0].boxes[0], [[5, 10, 15, 30]])
    np.testing.assert_allclose(model.decode(predictions)[0], [BOX, BOX])
    np.testing.assert_allclose(model.scores(predictions)[0, :, 0], [0.4, 0.8])
    boxes, scores = found_by(model, *inputs)
    np.testing.assert_allclose(boxes, [BOX])
    np.testing.assert_allclose(scores, [0.8])
    assert float(model.losses(predictions, None)["loss"]) == sum(BOX)
    assert model.resizer.size_of([8, 16]).numpy().tolist() == [80, 160]


def test_a_mirrored_box_comes_back_inside_the_image_not_its_padding():
    """60 wide in 80: what begins at 10 and ends at 20 is seen from 40 to 50."""
    finder = Finder(dark_rows)
    model = pyramid("flip: true", finder)
    inputs = with_box(40, 60, [10, 10, 30, 20], side=80)
    predictions = model.call(*inputs)
    np.testing.assert_allclose(predictions.seen[1].boxes[0], [[10, 40, 30, 50]])
    np.testing.assert_allclose(
        model.decode(predictions)[0], [[10, 10, 30, 20], [10, 10, 30, 20]]
    )


@pytest.mark.parametrize(
    "pixels, scale, kept",
    [
        # At 40 x 80 the box is 10 x 20, at 80 x 160 20 x 40: roots 14.1 and 28.3.
        ("INPUT", 1.0, ["small", "large"]),
        # In the file it is 40 x 80, root 56.6: no size wants it.
        ("IMAGE", 0.5, []),
        ("IMAGE", 1.0, ["large"]),
        # 10 x 20 in the file.
        ("IMAGE", 2.0, ["small"]),
        ("IMAGE", None, ["large"]),
    ],
)
def test_ranges_drop_boxes_by_their_size(pixels, scale, kept):
    """Ranges [14, 15] at the small size and [28, 29] at the large one."""
    text = keep(40, 80, "low: 14 high: 15") + keep(80, 160, "low: 28 high: 29")
    more = "batch_non_max_suppression { iou_threshold: 1.0 }"
    model = pyramid(f"{text} pixels: {pixels} {more}", Finder(dark_rows))
    assert model.reads == (("scale",) if pixels == "IMAGE" else ())
    scale = None if scale is None else tf.constant([scale])
    _, scores = found_by(model, *with_box(80, 160, BOX), scale=scale)
    wanted = {"small": 0.4, "large": 0.8}
    np.testing.assert_allclose(sorted(scores), [wanted[name] for name in kept])


@pytest.mark.parametrize(
    "side, sizes",
    [(100, [800]), (60, [800, 1400]), (140, [480, 800]), (40, [800, 1400])],
)
def test_ranges_of_snip(side, sizes):
    """The spec's first test of T06; both ends of a range are inside of it."""
    text = (
        keep(480, 800, "low: 120")
        + keep(800, 1200, "low: 40 high: 160")
        + keep(1400, 2000, "high: 80")
    )
    finder = Finder(dark_rows)
    model = pyramid(text, finder)
    counted = []
    for view in model._views:
        shapes = tf.constant([[1400, 1400]])
        box = tf.constant([[[0.0, 0.0, side * 1.4, side * 1.4]]])
        predictions = type("P", (), {})()
        predictions.true_shapes, predictions.scale = shapes, tf.constant([1.4])
        if model._counts(view, box, shapes, predictions)[0, 0]:
            counted.append(int(view.resizer.size_of([1, 1])[0]))
    assert counted == sizes


def test_the_size_of_a_box_is_that_inside_the_image():
    """From 20 above the image down to 20 rows in it: 20 x 20 count, not 40 x 20."""
    finder = Finder(lambda image: ([[-20.0, 0, 20, 20]], [[0.5, 0.0]]))
    model = pyramid(keep(40, 80, "low: 19 high: 21"), finder)
    boxes, _ = found_by(model, *with_box(40, 80, BOX))
    np.testing.assert_allclose(boxes, [[0, 0, 20, 20]])


def nms(boxes, scores, threshold, limit):
    """Greedy suppression of one class: [(score, box)], best first."""
    kept = []
    for i in np.argsort(-scores, kind="stable"):
        ymin, xmin, ymax, xmax = boxes[i]
        for _, (top, left, bottom, right) in kept:
            height = max(0.0, min(ymax, bottom) - max(ymin, top))
            width = max(0.0, min(xmax, right) - max(xmin, left))
            shared = height * width
            area = (ymax - ymin) * (xmax - xmin) + (bottom - top) * (right - left)
            if shared / (area - shared) > threshold:
                break
        else:
            kept.append((scores[i], boxes[i]))
    return kept[:limit]


def test_views_are_merged_and_ranged_as_numpy_does_it():
    """Seeded boxes at two sizes, and mirrored; each class by itself."""
    rng = np.random.default_rng(5)
    corners = rng.uniform(0, 50, (4, 30, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(4, 28, (4, 30, 2))], -1)
    boxes = boxes.astype(np.float32)
    scores = rng.uniform(0, 1, (4, 30, 2)).astype(np.float32)
    rows = iter(zip(boxes, scores, strict=True))
    model = pyramid(
        keep(40, 80, "low: 12")
        + keep(80, 160, "high: 20")
        + "flip: true pixels: INPUT "
        "batch_non_max_suppression { iou_threshold: .4 score_threshold: .3 "
        "max_detections_per_class: 9 max_total_detections: 15 }",
        Finder(lambda image: next(rows)),
    )
    inputs = with_box(80, 80, BOX)
    found = model.detect(model.call(*inputs))
    all_boxes, all_scores = [], []
    for view, (own, own_scores) in enumerate(zip(boxes, scores, strict=True)):
        side, factor = (40, 2) if view < 2 else (80, 1)
        inside = np.clip(own, 0, side)
        size = np.sqrt(np.prod(inside[:, 2:] - inside[:, :2], axis=1))
        counts = size >= 12 if view < 2 else size <= 20
        if view % 2:
            own = np.stack(
                [own[:, 0], side - own[:, 3], own[:, 2], side - own[:, 1]], 1
            )
        all_boxes.append(own[counts] * factor)
        all_scores.append(own_scores[counts])
    all_boxes, all_scores = np.concatenate(all_boxes), np.concatenate(all_scores)
    wanted = []
    for class_id in range(2):
        good = all_scores[:, class_id] > 0.3
        kept = nms(all_boxes[good], all_scores[good, class_id], 0.4, 9)
        wanted += [(-s, class_id, np.clip(b, 0, 80)) for s, b in kept]
    wanted = sorted(wanted, key=lambda row: row[0])[:15]
    assert found.count[0] == len(wanted) == 15
    np.testing.assert_allclose(found.scores[0], [-w[0] for w in wanted])
    np.testing.assert_array_equal(found.classes[0], [w[1] for w in wanted])
    np.testing.assert_allclose(found.boxes[0], [w[2] for w in wanted], atol=1e-4)


SUPPRESSIONS = [
    field.name
    for field in suppression_pb2.Suppression.DESCRIPTOR.fields
    if not field.name.startswith(("feature", "iou_guided", "adaptive", "semantics"))
]


@pytest.mark.parametrize("name", SUPPRESSIONS)
def test_any_suppression_merges(name):
    """Those that read no column a head must predict. Boxes out of range add nothing.

    The small size's box, which overlaps the other, is out of its range: what is left is
    the other, not moved and not weaker.
    """

    def find(image):
        shift = 2 if len(image) == 40 else 0
        return [[x + shift for x in BOX]], [[0.6, 0.0]]

    edit = 'column: "prior"' if name == "set_nms" else ""
    text = f"suppression {{ {name} {{ {edit} }} }} pixels: INPUT "
    sizes = keep(40, 80, "low: 1000") + keep(80, 160, "high: 1000")
    model = pyramid(text + sizes, Finder(find))
    boxes, scores = found_by(model, *with_box(80, 160, BOX))
    np.testing.assert_allclose(boxes, [BOX], rtol=1e-6)
    assert len(scores) == 1 and scores[0] == pytest.approx(0.6)


def test_places_and_levels_of_views_are_their_own():
    """Two boxes a view: places 0, 1, 2, 3; levels 0, 0, 1, 1."""
    finder = Finder(lambda image: ([BOX, BOX], [[0.5, 0.0], [0.4, 0.0]]))
    model = pyramid("flip: true", finder)
    columns = model.candidates(model.call(*with_box(40, 80, BOX))).columns
    assert columns["prior"][0, :, 0].numpy().tolist() == [0, 1, 2, 3]
    assert columns["level"][0, :, 0].numpy().tolist() == [0, 0, 1, 1]


def test_options_reach_every_view():
    model = pyramid("flip: true", Finder(dark_rows))
    predictions = model.call(*with_box(40, 80, BOX), num_proposals=3)
    assert [seen.options for seen in predictions.seen] == [{"num_proposals": 3}] * 2


def same(one, other):
    assert isinstance(one, Detections)
    for mine, theirs in zip(one, other, strict=True):
        assert (mine is None) == (theirs is None)
        if mine is not None:
            np.testing.assert_array_equal(mine, theirs)


@pytest.fixture(scope="module")
def models():
    made = {}

    def make(name):
        if name not in made:
            made[name] = kit.make_detector(
                name, "fixed_shape_resizer { height: 96 width: 96 }"
            )
        return made[name]

    return make


def noise(batch=2, symmetrical=False):
    images = 255 * tf.random.stateless_uniform([batch, 96, 96, 3], (4, 5))
    if symmetrical:
        images = (images + tf.reverse(images, [2])) / 2
    return images, tf.constant([[96, 96], [80, 64]][:batch])


@pytest.mark.parametrize("name", kit.DETECTORS)
def test_one_size_is_the_detector(models, name):
    model = models(name)
    inputs = noise()
    want = model.detect(model.call(*inputs))
    # Of random weights no two corners belong together.
    assert want.count.numpy().sum() > 0 or name == "corners"
    alone = pyramid("", model)
    predictions = alone.call(*inputs)
    same(alone.detect(predictions), want)
    np.testing.assert_array_equal(
        alone.decode(predictions), model.decode(predictions.seen[0])
    )


@pytest.mark.parametrize("name", kit.DETECTORS)
def test_a_symmetrical_image_and_its_mirror_give_the_same(models, name):
    """Every box is found again, mirrored, with its score; masks are mirrored, too."""
    model = pyramid("flip: true", models(name))
    images, _ = noise(1, symmetrical=True)
    predictions = model.call(images, tf.constant([[96, 96]]))
    boxes, scores = model.decode(predictions), model.scores(predictions)
    plain, mirrored = tf.split(boxes, 2, axis=1)
    wanted = tf.gather(plain, [0, 3, 2, 1], axis=-1) * [1, -1, 1, -1] + [0, 96, 0, 96]
    np.testing.assert_allclose(mirrored, wanted, atol=1e-3)
    first, second = tf.split(scores, 2, axis=1)
    np.testing.assert_array_equal(first, second)
    found = model.detect(predictions)
    assert np.isfinite(found.boxes).all()
    if found.masks is not None:
        _check_masks(model, models(name), images, found)


def _check_masks(model, plain, images, found):
    """The mean of the box's mask and of its mirror's: the image is its own mirror."""
    seen = plain.call(images, tf.constant([[96, 96]]))
    ymin, xmin, ymax, xmax = tf.unstack(found.boxes, axis=-1)
    other = found._replace(boxes=tf.stack([ymin, 96 - xmax, ymax, 96 - xmin], -1))
    one = plain.instance_masks(seen, found)
    two = tf.reverse(plain.instance_masks(seen, other), [-1])
    np.testing.assert_allclose(found.masks, (one + two) / 2, atol=1e-5)


@pytest.mark.parametrize(
    "text, place, words",
    [
        (keep(0, 80), "sizes[0].image_resizer.keep_aspect_ratio_resizer", "1 <="),
        (keep(40, 80) + keep(40, 80, "low: 9 high: 3"), "sizes[1].low", "larger than"),
        (keep(40, 80, "low: -1"), "sizes[0].low", "at least 0"),
        (
            keep(40, 80) + "sizes { image_resizer { identity_resizer {} } }",
            "sizes[1].image_resizer",
            "depend on the file's",
        ),
        (
            keep(40, 80)
            + "sizes { image_resizer { fixed_shape_resizer { height: 9 width: 9 } } }",
            "sizes[1].image_resizer",
            "another kind",
        ),
        (
            "suppression { soft_nms {} } "
            "batch_non_max_suppression { iou_threshold: .5 }",
            "batch_non_max_suppression.iou_threshold",
            "remove one",
        ),
        ("suppression {}", "suppression", "empty"),
        (
            "batch_non_max_suppression { max_total_detections: 5 }",
            "batch_non_max_suppression",
            "max_detections_per_class",
        ),
    ],
)
def test_refused_with_its_place(text, place, words):
    with pytest.raises(ConfigError) as error:
        pyramid(text, Finder(dark_rows))
    assert error.value.field_path.startswith(f"image_pyramid.{place}")
    assert words in str(error.value)


def test_a_classifier_has_no_boxes_to_merge():
    finder = Finder(dark_rows)
    finder.finds_boxes = False
    with pytest.raises(ConfigError, match="finds none") as error:
        pyramid("flip: true", finder)
    assert error.value.field_path == "image_pyramid"


def test_codes_of_one_size_are_read_at_no_other():
    model = kit.make_detector(
        "ssd",
        "fixed_shape_resizer { height: 96 width: 96 }",
        "box_coder { mean_stddev_box_coder {} }",
    )
    size = "sizes { image_resizer { fixed_shape_resizer { height: %d width: 96 } } }"
    pyramid(f"{size % 96} flip: true", model)
    with pytest.raises(ConfigError, match="measures in heights") as error:
        pyramid(f"{size % 96} {size % 64}", model)
    assert error.value.field_path == "image_pyramid.sizes[1].image_resizer"


def test_a_column_that_the_model_has_not_is_refused(models):
    with pytest.raises(ConfigError, match="which this model has not") as error:
        pyramid("suppression { set_nms {} }", models("ssd"))
    assert error.value.field_path == "image_pyramid.suppression"
