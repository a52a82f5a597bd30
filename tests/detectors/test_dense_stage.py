"""The region proposal network: which anchors count, and what is proposed."""

import numpy as np
import tensorflow as tf
import two_stage_kit as kit

OBJECTNESS = "RPNLoss/objectness_loss"


def predictions(model, training):
    features = {"C4": tf.zeros([2, 8, 8, 128])}
    shapes = tf.constant([[128, 128], [128, 128]])
    return model.first_stages[0].predict(features, (128, 128), shapes, training)


def test_anchors_across_the_border_take_no_part_in_training():
    """Anchors of 25.6, 51.2 and 102.4 px around cells 0, 16, ..., 112.

    Of the smallest, centres 16 to 112 are inside (16 > 12.8 and 112 + 12.8 < 128):
    7 x 7. Of the middle ones 32 to 96: 5 x 5. Of the largest 64 alone (64 - 51.2 and
    64 + 51.2): 1.
    """
    model = kit.detector("rpn")
    first = predictions(model, training=True)
    assert int(tf.reduce_sum(tf.cast(first.priors.valid, tf.int32))) == 49 + 25 + 1
    assert predictions(model, training=False).priors.valid.numpy().all()
    clipped = kit.detector("rpn", "clip_anchors_to_image: true")
    assert predictions(clipped, training=True).priors.valid.numpy().all()


def test_clipped_anchors_lie_in_the_image():
    anchors = predictions(kit.detector("rpn"), training=False).priors.boxes.numpy()
    assert anchors.min() == 0 and anchors.max() == 128


def test_objectness_of_no_opinion_costs_log_2():
    """Logits of 0: softmax cross entropy is log 2 an anchor, and so is its average."""
    model = kit.detector("rpn")
    first = predictions(model, training=True)
    first = first._replace(class_logits=tf.zeros_like(first.class_logits))
    losses = model.first_stages[0].losses(first, kit.targets(), kit.SEED)
    np.testing.assert_allclose(losses[OBJECTNESS], np.log(2), rtol=1e-5)


def test_proposals_are_the_best_boxes_without_overlap():
    """One anchor is made the best by far; its box, decoded from 0, is the anchor."""
    model = kit.detector("rpn")
    first = predictions(model, training=False)
    best = 3 * (8 * 4 + 4)
    logits = tf.tensor_scatter_nd_update(
        tf.zeros_like(first.class_logits), [[0, best, 1]], [9.0]
    )
    codes = tf.zeros_like(first.box_codes)
    stage = model.first_stages[0]
    boxes = stage.box_coder.decode(codes, first.priors.for_codes())
    first = first._replace(class_logits=logits, box_codes=codes, boxes=boxes)
    found = stage.propose(first)
    np.testing.assert_allclose(found.boxes[0, 0], first.priors.boxes[best], atol=1e-4)
    assert found.anchor_indices[0, 0] == best
    assert found.count.numpy().max() <= 32
