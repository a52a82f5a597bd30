"""Stitcher: what a stitched batch is made of, and when batches are stitched."""

import numpy as np
import pytest
import tensorflow as tf

from od_api.batch_schemes.stitcher import Stitcher
from od_api.core.ranges import RangeError
from od_api.core.types import Assignment, Reported, Targets

SEED = tf.constant([3, 5])


def batch_of(count, height, width, boxes=None, **more):
    """`count` images [h, w, 3] with one box and one row of padding each."""
    boxes = [[10, 20, 30, 40]] * count if boxes is None else boxes
    pixels = np.arange(count * height * width * 3) % 251
    return {
        "image": tf.constant(pixels.reshape(count, height, width, 3), tf.float32),
        "true_shape": tf.constant([[height, width]] * count),
        "boxes": tf.constant([[box, [0] * 4] for box in boxes], tf.float32),
        "classes": tf.constant([[i, 0] for i in range(count)]),
        "weights": tf.constant([[1.0, 0.0]] * count),
        "valid": tf.constant([[True, False]] * count),
        "ignored": tf.constant([[False, False]] * count),
        "scale": tf.constant([2.0 ** (i % 4) for i in range(count)]),
        **more,
    }


def shrunk(image, k=4, half=0.0):
    """The oracle: pixel i is floor((i + half) * scale) of the old ones."""
    reads = []
    for side in image.shape[:2]:
        count = int(side / np.sqrt(k))
        reads.append([int((i + half) * side / count) for i in range(count)])
    return image[np.ix_(*reads)]


def test_a_box_of_the_image_at_the_top_right():
    """800 x 600: (10, 20, 30, 60) as x1, y1, x2, y2 becomes (405, 10, 415, 30), and
    its area of 800 becomes 200 (T27)."""
    batch = batch_of(4, 600, 800, [[0, 0, 9, 9], [20, 10, 60, 30], *[[0, 0, 9, 9]] * 2])
    stitched = Stitcher().stitched(batch)
    assert stitched["image"].shape == (1, 600, 800, 3)
    ymin, xmin, ymax, xmax = stitched["boxes"][0, 2].numpy()
    assert (xmin, ymin, xmax, ymax) == (405, 10, 415, 30)
    assert (ymax - ymin) * (xmax - xmin) == 200
    np.testing.assert_array_equal(stitched["classes"], [[0, 0, 1, 0, 2, 0, 3, 0]])
    np.testing.assert_array_equal(stitched["valid"], [[True, False] * 4])
    np.testing.assert_array_equal(stitched["boxes"][0, 1::2], np.zeros([4, 4]))


@pytest.mark.parametrize("half", [0.0, 0.5])
def test_images_lie_in_a_grid_of_nearest_pixels(half):
    """An odd side of 7 has cells of 3; what is left over is black."""
    batch = batch_of(8, 7, 10)
    stitched = Stitcher(half_pixel_centers=half > 0).stitched(batch)
    images = batch["image"].numpy()
    for i in range(2):
        wanted = np.zeros([7, 10, 3])
        for j in range(4):
            row, column = 3 * (j // 2), 5 * (j % 2)
            cell = shrunk(images[4 * i + j], half=half)
            wanted[row : row + 3, column : column + 5] = cell
        np.testing.assert_array_equal(stitched["image"][i], wanted)
    np.testing.assert_array_equal(stitched["true_shape"], [[6, 10]] * 2)
    ratio = np.sqrt(3 / 7 * 5 / 10)
    np.testing.assert_allclose(stitched["scale"], [64**0.25 * ratio] * 2, rtol=1e-6)


def test_smaller_images_keep_their_padding():
    """4 x 4 of 8 x 8 is 2 x 2 of a cell, and 8 x 2 is 4 x 1."""
    shapes = [[4, 4], [8, 2], [4, 4], [4, 4]]
    batch = {**batch_of(4, 8, 8), "true_shape": tf.constant(shapes)}
    np.testing.assert_array_equal(Stitcher().stitched(batch)["true_shape"], [[6, 6]])
    apart = Stitcher(mode="BATCH").stitched(batch)
    np.testing.assert_array_equal(apart["true_shape"], [[2, 2], [4, 1], [2, 2], [2, 2]])


def test_nine_images():
    batch = batch_of(9, 9, 9, [[0, 0, 9, 9]] * 9)
    stitched = Stitcher(k=9).stitched(batch)
    boxes = stitched["boxes"][0, ::2].numpy()
    np.testing.assert_allclose(boxes[5], [3, 6, 6, 9])
    np.testing.assert_array_equal(
        stitched["image"][0, 3:6, 6:9], shrunk(batch["image"].numpy()[5], 9)
    )


def test_masks_lie_where_their_images_do():
    masks = np.zeros([4, 2, 8, 8], np.uint8)
    masks[1, 0, :4, 4:] = 1
    batch = batch_of(4, 8, 8, masks=tf.constant(masks))
    stitched = Stitcher().stitched(batch)["masks"].numpy()
    assert stitched.shape == (1, 8, 8, 8)
    assert stitched.sum() == 4 and stitched[0, 2, :2, 6:].all()
    assert Stitcher(mode="BATCH").stitched(batch)["masks"].shape == (4, 2, 4, 4)


@pytest.mark.parametrize("k, size", [(4, (300, 400)), (2, (424, 565)), (8, (212, 282))])
def test_a_batch_of_smaller_images(k, size):
    """Four of 600 x 800 are four of 300 x 400, with as many pixels as one (T27)."""
    batch = batch_of(k, 600, 800, [[600, 0, 600, 800]] * k)
    apart = Stitcher(k=k, mode="BATCH").stitched(batch)
    assert apart["image"].shape == (k, *size, 3)
    assert abs(k * size[0] * size[1] / (600 * 800) - 1) < 0.01
    np.testing.assert_array_equal(
        apart["image"][0], shrunk(batch["image"][0].numpy(), k)
    )
    np.testing.assert_allclose(apart["boxes"][1, 0], [size[0], 0, *size], rtol=1e-6)
    np.testing.assert_array_equal(apart["classes"], batch["classes"])


@pytest.mark.parametrize("mode", ["SPATIAL", "BATCH"])
def test_other_batches_have_the_first_of_every_k(mode):
    batch = batch_of(8, 6, 6)
    regular = Stitcher(mode=mode).regular(batch)
    for name in ("image", "true_shape", "scale"):
        np.testing.assert_array_equal(regular[name], batch[name][::4], name)
    np.testing.assert_array_equal(regular["boxes"][:, :2], batch["boxes"][::4])
    assert not regular["valid"][:, 1:].numpy().any()
    assert regular["valid"].shape == (2, 8 if mode == "SPATIAL" else 2)


def stitches(scheme, batch=None):
    """What the scheme decides now: whether the second image is there, too."""
    batch = batch_of(4, 8, 8) if batch is None else batch
    return int(tf.reduce_sum(tf.cast(scheme(batch, SEED)["valid"], tf.int32))) == 4


@pytest.mark.parametrize("mode", ["SPATIAL", "BATCH"])
def test_the_share_of_small_objects_decides(mode):
    """Below .1 the next batch is stitched, at .1 it is not; at first it is (T27)."""
    scheme = Stitcher(mode=mode)
    scheme.create_variables()
    assert stitches(scheme)
    for small, decision in ((0.05, True), (0.1, False), (0.0999, True), (1.0, False)):
        scheme.observe({"small": tf.constant(small), "all": tf.constant(1.0)})
        assert stitches(scheme) == decision
    scheme.observe({"small": tf.zeros([]), "all": tf.zeros([])})
    assert scheme.variables["share"].numpy() == 0.0


@pytest.mark.parametrize("tau, always", [(0.0, False), (1.0, True)])
def test_never_and_always(tau, always):
    scheme = Stitcher(tau=tau)
    scheme.create_variables()
    for share in (0.0, 0.5, 1.0):
        scheme.observe({"small": tf.constant(share), "all": tf.constant(1.0)})
        assert stitches(scheme) == always


def test_losses_are_those_of_the_objects_that_priors_learn():
    """Areas 31 x 33 = 1023 and 32 x 32: the first alone is small. Two stages."""
    targets = Targets(
        boxes=tf.constant([[[0, 0, 31, 33], [0, 0, 32, 32.0]]]),
        classes=tf.zeros([1, 2], tf.int32),
        weights=tf.ones([1, 2]),
        valid=tf.ones([1, 2], tf.bool),
        true_shapes=tf.constant([[64, 64]]),
    )
    assignment = Assignment(
        gt_index=tf.constant([[0, 1, 1, 0]]),
        label=tf.constant([[1, 1, 1, 0]]),
        quality=tf.ones([1, 4]),
    )
    report = [
        Reported(tf.constant([[1.0, 2.0, 3.0, 0.0]]), assignment),
        Reported(tf.constant([[0.5, 0.0, 1.5, 0.0]]), assignment),
    ]
    measured = Stitcher().measured(report, targets)
    assert (float(measured["small"]), float(measured["all"])) == (1.5, 8.0)
    nothing = targets._replace(boxes=tf.zeros([1, 0, 4]))
    none = Assignment(*(tf.zeros([1, 4], t) for t in (tf.int32, tf.int32, tf.float32)))
    silent = [Reported(tf.zeros([1, 4]), none)]
    assert float(Stitcher().measured(silent, nothing)["all"]) == 0.0


def test_shapes_that_are_known_stay_known():
    spec = {
        name: tf.TensorSpec(value.shape, value.dtype)
        for name, value in batch_of(8, 7, 9).items()
    }
    scheme = Stitcher()
    scheme.create_variables()
    stitch = tf.function(lambda batch: scheme(batch, SEED), autograph=False)
    made = stitch.get_concrete_function(spec).structured_outputs
    assert made["image"].shape.as_list()[1:] == [7, 9, 3]
    assert made["boxes"].shape.as_list()[1:] == [8, 4]


@pytest.mark.parametrize(
    "settings, field",
    [
        ({"k": 3}, "k"),
        ({"k": 1}, "k"),
        ({"k": 1, "mode": "BATCH"}, "k"),
        ({"tau": 1.1}, "tau"),
        ({"small_area": -1.0}, "small_area"),
    ],
)
def test_what_cannot_be_is_refused(settings, field):
    with pytest.raises(RangeError, match=f"^{field} is") as caught:
        Stitcher(**settings)
    assert caught.value.field == field
