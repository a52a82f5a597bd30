"""Checks that every part of a family can be run on.

A test file of a part holds the values that belong to that part and calls the check of
its family for the rest: shapes, types, no ground truth, all padding, one box, eager
against `tf.function`, half-precision inputs, finite gradients.
"""

import numpy as np
import tensorflow as tf

from od_api.core.types import AnchorLosses, Assignment, Targets

SEED = (7, 11)


def random_boxes(rng, *shape, size=100.0):
    """[*shape, 4] float32 boxes of 2 px and more inside a square of side `size`."""
    low = rng.uniform(0.0, 0.7 * size, (*shape, 2))
    extent = rng.uniform(2.0, 0.3 * size, (*shape, 2))
    return np.concatenate([low, low + extent], axis=-1).astype(np.float32)


def make_targets(boxes, valid=None, weights=None, classes=None, size=100):
    """`Targets` from [B, G, 4] boxes; all of them real and of weight 1 by default."""
    boxes = np.asarray(boxes, np.float32).reshape(len(boxes), -1, 4)
    shape = boxes.shape[:2]
    valid = np.ones(shape, bool) if valid is None else np.asarray(valid, bool)
    weights = np.ones(shape) if weights is None else np.asarray(weights)
    classes = np.zeros(shape) if classes is None else np.asarray(classes)
    return Targets(
        boxes=tf.constant(np.where(valid[..., None], boxes, 0), tf.float32),
        classes=tf.constant(classes * valid, tf.int32),
        weights=tf.constant(weights * valid, tf.float32),
        valid=tf.constant(valid),
        true_shapes=tf.fill([len(boxes), 2], size),
    )


def target_cases():
    """{name: `Targets` of two images in a 100 px square} that parts must survive."""
    boxes = random_boxes(np.random.default_rng(0), 2, 5)
    return {
        "no_ground_truth": make_targets(np.zeros([2, 0, 4])),
        "all_padding": make_targets(np.zeros([2, 3, 4]), valid=np.zeros([2, 3])),
        "one_box": make_targets(boxes[:, :1]),
        "uneven": make_targets(boxes, valid=[[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]]),
        "mostly_padding": make_targets(boxes, valid=[[1, 0, 1, 0, 0], [1, 0, 0, 0, 0]]),
        "weight_0": make_targets(boxes, weights=[[1, 0, 1, 0, 1], [0, 0, 0, 0, 0]]),
        "one_image_empty": make_targets(boxes, valid=[[1] * 5, [0] * 5]),
    }


def assert_same(got, want, tolerance=1e-5):
    """Two tensors, or records of them, are equal up to rounding."""
    got, want = tf.nest.flatten(got), tf.nest.flatten(want)
    assert len(got) == len(want)
    for one, other in zip(got, want, strict=True):
        if one is None and other is None:
            continue
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


def check_graph(call, *inputs, jit_compile=None):
    """`call(*inputs)`, the same eagerly and in a `tf.function`; returns it."""
    eager = call(*inputs)
    assert_same(tf.function(call, jit_compile=jit_compile)(*inputs), eager)
    return eager


def check_gradients(call, *inputs):
    """The gradients of the sum of `call(*inputs)`: there are some, and all finite."""
    inputs = [tf.convert_to_tensor(one) for one in inputs]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        total = tf.reduce_sum(call(*inputs))
    gradients = [g for g in tape.gradient(total, inputs) if g is not None]
    assert gradients
    for gradient in gradients:
        assert np.isfinite(gradient).all()
    return gradients


def check_localization_loss(loss):
    """Codes or boxes [B, A, 4] twice -> [B, A], 0 for equal ones, gradients finite."""
    rng = np.random.default_rng(1)
    made, wanted = random_boxes(rng, 2, 6), random_boxes(rng, 2, 6)
    made[0, 0] = wanted[0, 0]
    made[0, 1] = wanted[0, 1] + 1000
    made[0, 2] = wanted[0, 2] = 0
    made[0, 3] = made[0, 3][[2, 3, 0, 1]]
    values = check_graph(loss, tf.constant(made), tf.constant(wanted))
    assert values.dtype == tf.float32 and values.shape == (2, 6)
    assert np.isfinite(values).all() and (values.numpy() >= 0).all()
    np.testing.assert_allclose(values[0, 0], 0, atol=1e-6)
    check_gradients(lambda given: loss(given, wanted), made)
    assert_same(loss(made[:1], wanted[:1]), values[:1])
    half = loss(tf.cast(made, tf.float16), tf.cast(wanted, tf.float16))
    assert half.dtype == tf.float32
    assert_same(half, values, tolerance=0.05)
    assert loss(made[:, :0], wanted[:, :0]).shape == (2, 0)


def check_classification_loss(loss, targets=None):
    """[B, A, C] logits and targets -> [B, A, C], gradients finite at +-200 too."""
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 2, (2, 6, 3)).astype(np.float32)
    logits[0, 0], logits[0, 1] = [200, -200, 0], [-200, 200, 0]
    if targets is None:
        targets = np.eye(3, dtype=np.float32)[rng.integers(0, 3, (2, 6))]
    values = check_graph(loss, tf.constant(logits), tf.constant(targets))
    assert values.dtype == tf.float32 and values.shape == (2, 6, 3)
    assert np.isfinite(values).all() and (values.numpy() >= 0).all()
    check_gradients(lambda given: loss(given, targets), logits)
    assert_same(loss(logits[:1], targets[:1]), values[:1])
    half = loss(tf.cast(logits, tf.float16), tf.cast(targets, tf.float16))
    assert half.dtype == tf.float32
    assert_same(half, values, tolerance=0.05)
    assert loss(logits[:, :0], targets[:, :0]).shape == (2, 0, 3)


def check_box_coder(coder, keeps_shape=True):
    """decode(encode(x)) == x, on any leading shape, and padding has finite codes."""
    rng = np.random.default_rng(3)
    boxes, anchors = random_boxes(rng, 2, 7), random_boxes(rng, 7)
    codes = check_graph(coder.encode, tf.constant(boxes), tf.constant(anchors))
    assert codes.dtype == tf.float32 and codes.shape == (2, 7, coder.code_size)
    decoded = check_graph(coder.decode, codes, tf.constant(anchors))
    assert decoded.dtype == tf.float32 and decoded.shape == (2, 7, 4)
    if keeps_shape:
        np.testing.assert_allclose(decoded, boxes, atol=1e-3)
    np.testing.assert_allclose(coder.encode(decoded, anchors), codes, atol=1e-3)
    assert np.isfinite(coder.encode(np.zeros_like(boxes), anchors)).all()
    assert np.isfinite(coder.encode(boxes, np.zeros_like(anchors))).all()
    check_gradients(lambda given: coder.decode(given, anchors), codes)
    half = coder.encode(tf.cast(boxes, tf.float16), tf.cast(anchors, tf.float16))
    assert half.dtype == tf.float32


def check_similarity(similarity):
    """[M, 4], [N, 4] -> [M, N], batched or not; equal boxes are the most similar."""
    rng = np.random.default_rng(4)
    boxes, others = random_boxes(rng, 2, 5), random_boxes(rng, 7)
    boxes[:, 0] = others[3]
    boxes[1, 4] = 0
    values = check_graph(similarity, tf.constant(boxes), tf.constant(others))
    assert values.dtype == tf.float32 and values.shape == (2, 5, 7)
    assert np.isfinite(values).all()
    assert (values.numpy()[:, 0].argmax(axis=1) == 3).all()
    assert_same(similarity(boxes[1], others), values[1])
    assert_same(similarity(boxes, np.stack([others, others])), values)
    assert similarity(boxes[:, :0], others).shape == (2, 0, 7)
    assert similarity(tf.cast(boxes, tf.float16), others).dtype == tf.float32


def check_anchors(generator, feature_shapes, image_shape):
    """Ints, tensors and a graph of unknown sizes give the same Priors.

    The level of each is the place of its map, and its stride the distance between the
    centres of neighbours in a row.
    """
    priors = generator(feature_shapes, image_shape)
    anchors = priors.boxes
    cells = [height * width for height, width in feature_shapes]
    count = sum(n * k for n, k in zip(cells, generator.per_location, strict=True))
    assert anchors.dtype == tf.float32 and anchors.shape == (count, 4)
    sizes = anchors[:, 2:] - anchors[:, :2]
    assert (sizes.numpy() >= 0).all()
    per_level = [n * k for n, k in zip(cells, generator.per_location, strict=True)]
    levels = np.repeat(range(len(cells)), per_level)
    np.testing.assert_array_equal(priors.levels, levels)
    assert priors.strides.shape == (count, 2) and priors.valid.numpy().all()
    centers = (anchors[:, :2] + anchors[:, 2:]).numpy() / 2
    for level, (kinds, (_, width)) in enumerate(
        zip(generator.per_location, feature_shapes, strict=True)
    ):
        first = int(np.argmax(levels == level))
        step = centers[first + kinds] - centers[first] if width > 1 else None
        if step is not None:
            np.testing.assert_allclose(step, [0, priors.strides[first, 1]], atol=1e-3)

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.int32)] * 2)
    def of_unknown_sizes(maps, image):
        pairs = [(maps[i, 0], maps[i, 1]) for i in range(len(feature_shapes))]
        return generator(pairs, (image[0, 0], image[0, 1]))

    assert_same(of_unknown_sizes(feature_shapes, [image_shape]), priors)
    return anchors


def check_assigner(assigner):
    """Every target case: labels in range, padding unmatched, batch equals singles."""
    anchors = random_boxes(np.random.default_rng(5), 40)
    for name, targets in target_cases().items():
        result = check_graph(assigner.assign, tf.constant(anchors), targets)
        _check_assignment(name, result, targets)
        assert_same(assigner.assign(np.stack([anchors, anchors]), targets), result)
        shortened = targets.with_longest()
        assert_same(check_graph(assigner.assign, anchors, shortened), result)
        for i in range(2):
            one = Targets(*(v if v is None else v[i : i + 1] for v in targets))
            single = assigner.assign(anchors, one)
            rows = (v if v is None else v[i : i + 1] for v in result)
            assert_same(single, Assignment(*rows))
    case = target_cases()["uneven"]
    ignored = tf.logical_and(case.valid, [False, True, False, True, False])
    hidden = case._replace(valid=tf.logical_and(case.valid, ~ignored))
    result = assigner.assign(anchors, case._replace(ignored=ignored))
    assert_same(result, assigner.assign(anchors, hidden))
    check_graph(assigner.assign, tf.constant(anchors), case, jit_compile=True)


def _check_assignment(name, result, targets):
    label, index = result.label.numpy(), result.gt_index.numpy()
    assert label.shape == index.shape == result.quality.shape == (2, 40), name
    assert result.label.dtype == result.gt_index.dtype == tf.int32
    assert result.quality.dtype == tf.float32
    assert np.isin(label, [1, 0, -1]).all(), name
    assert (index[label != 1] == 0).all(), name
    assert np.isfinite(result.quality).all(), name
    valid = targets.valid.numpy()
    for i in range(2):
        assert valid[i][index[i][label[i] == 1]].all(), name
        if not valid[i].any():
            assert (label[i] == 0).all() and (result.quality[i].numpy() == 0).all()


def make_assignment(label):
    """`Assignment` with these [B, A] labels, everything else 0."""
    label = tf.constant(label, tf.int32)
    return Assignment(tf.zeros_like(label), label, tf.zeros(label.shape))


def make_losses(classification, localization=None, boxes=None):
    """`AnchorLosses`; by default no localization loss and boxes that are all apart."""
    classification = np.asarray(classification, np.float32)
    if localization is None:
        localization = np.zeros_like(classification)
    if boxes is None:
        start = 10.0 * np.arange(classification.shape[1])
        boxes = np.stack([start, start, start + 5, start + 5], axis=-1)
        boxes = np.broadcast_to(boxes, (*classification.shape, 4))
    return AnchorLosses(
        tf.constant(classification),
        tf.constant(localization, tf.float32),
        tf.constant(boxes, tf.float32),
    )


def check_sampler(sampler):
    """Weights 0 or 1, 0 where ignored, the same for the same seed, no gradient."""
    rng = np.random.default_rng(6)
    labels = {
        "mixed": rng.choice([1, 0, 0, 0, -1], (2, 50)),
        "no_positives": rng.choice([0, -1], (2, 50)),
        "all_positive": np.ones((2, 50)),
        "all_ignored": -np.ones((2, 50)),
        "one_anchor": np.array([[1], [0]]),
    }
    for name, label in labels.items():
        assignment = make_assignment(label)
        loss = rng.gamma(1.0, 1.0, (2, *label.shape)).astype(np.float32)
        losses = make_losses(*loss, boxes=random_boxes(rng, *label.shape))
        weights = check_graph(
            lambda a, b: sampler.sample(a, losses=b, seed=SEED), assignment, losses
        )
        assert weights.dtype == tf.float32 and weights.shape == label.shape, name
        assert np.isin(weights, [0, 1]).all(), name
        assert (weights.numpy()[label == -1] == 0).all(), name
    check_graph(
        lambda a, b: sampler.sample(a, losses=b, seed=SEED),
        assignment,
        losses,
        jit_compile=True,
    )
