"""Branches: who learns what, what is joined; two that are alike change nothing."""

import functools
import types
from types import MappingProxyType

import numpy as np
import pytest
import tensorflow as tf
import tiny_two_stage
import two_stage_kit as kit
from google.protobuf import text_format

from od_api.backbones import resnet
from od_api.core.detector import Detector
from od_api.core.errors import ConfigError
from od_api.core.registry import build_field
from od_api.core.types import Branches, Candidates, Detections, as_priors
from od_api.detectors.branched_detector import BranchedDetector, _targets
from od_api.postprocess.post_processing import PostProcessing
from od_api.protos import pipeline_pb2

# Networks are rebuilt from Keras' one, with weights of their own: one is enough.
keras_resnet = functools.cache(resnet._keras_model)
RANGES = "ranges { high: 90 } ranges { low: 30 high: 160 } ranges { low: 90 }"


def detector(trident, edit="", name="faster_rcnn"):
    """The tiny detector over a narrow ResNet, with branches unless `trident` is ""."""
    config = pipeline_pb2.TrainEvalPipelineConfig()
    text_format.Parse(tiny_two_stage.MODELS[name], config)
    model = config.model.faster_rcnn
    model.feature_extractor.backbone.Clear()
    backbone = f"resnet {{ depth_multiplier: 0.0625 min_depth: 4 {trident} }}"
    text = f"feature_extractor {{ backbone {{ {backbone} }} }} {edit}"
    text_format.Merge(text, model)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resnet, "_keras_model", keras_resnet)
        return build_field(config, "model")


@pytest.fixture(scope="module")
def ranged():
    return detector(f"trident {{ {RANGES} }}")


def square(side, start=0.0):
    return [start, start, start + side, start + side]


def truth(boxes):
    """Targets of one image, seen by three branches."""
    count = len(boxes)
    one = kit.targets(batch=1, boxes_each=count)
    return _targets(one._replace(boxes=tf.constant([boxes], tf.float32)), (0, 1, 2))


@pytest.mark.parametrize(
    ("side", "learned"),
    [
        (20, [1, 0, 0]),
        (29, [1, 0, 0]),
        (30, [1, 1, 0]),
        (90, [1, 1, 1]),
        (100, [0, 1, 1]),
        (160, [0, 1, 1]),
        (161, [0, 0, 1]),
    ],
)
def test_regions_train_the_branches_of_their_sizes(side, learned, ranged):
    """A region of 100 pixels branches 2 and 3, one of 20 branch 1 alone (T25)."""
    objective = ranged._detector.region_stages[0].objective
    priors = as_priors([[square(side)]] * 3)
    label = objective.assign(priors, truth([square(side)])).label[:, 0]
    assert label.numpy().tolist() == [1 if one else -1 for one in learned]


def test_a_region_in_range_does_not_learn_an_object_outside(ranged):
    """A region of 31 pixels with an object of 25: IoU .65, of branch 1 alone."""
    objective = ranged._detector.region_stages[0].objective
    label = objective.assign(as_priors([[square(31)]] * 3), truth([square(25)])).label
    assert label[:, 0].numpy().tolist() == [1, -1, -1]


def test_anchors_of_an_object_of_another_branch_are_left_out(ranged):
    """One on an object of 20 pixels; one that overlaps it a little stays background."""
    objective = ranged._detector.first_stages[0].objective
    anchors = as_priors([square(20), square(20, start=12.0), square(20, start=60.0)])
    label = objective.assign(anchors, truth([square(20)])).label
    assert label.numpy().tolist() == [[1, 0, 0], [-1, 0, 0], [-1, 0, 0]]


def test_ground_truth_of_each_row():
    """Branch after branch; what counts rows of the whole batch stays."""
    targets = kit.targets(batch=2).with_longest()
    rows = _targets(targets, (0, 2))
    assert rows.branches.numpy().tolist() == [0, 0, 2, 2]
    np.testing.assert_array_equal(rows.boxes[2:], targets.boxes)
    np.testing.assert_array_equal(rows.boxes[:2], targets.boxes)
    assert rows.masks is None and int(rows.longest) == 3


class Found(Detector):
    """Candidates of a table: two images by three branches, one class, one box each."""

    num_classes = 1
    parts = MappingProxyType({})
    resizer = None

    def __init__(self, sides, scores):
        self._sides, self._scores = np.array(sides, np.float32), np.array(scores)
        self.postprocess = PostProcessing(batch_non_max_suppression=None)

    def call(self, images, true_shapes, training=False, targets=None, seed=None):
        self.rows = true_shapes.shape[0]
        return types.SimpleNamespace(true_shapes=true_shapes)

    def candidates(self, predictions):
        sides = self._sides.reshape(-1, 1, 1, 1)[: self.rows]
        boxes = tf.constant(np.concatenate([0 * sides, 0 * sides, sides, sides], -1))
        scores = tf.constant(self._scores.reshape(-1, 1, 1)[: self.rows], tf.float32)
        zeros = tf.zeros([self.rows, 1, 1])
        return Candidates(boxes, scores, {"level": zeros, "prior": zeros})

    def decode(self, predictions):
        return self.candidates(predictions).boxes[:, :, 0]

    def scores(self, predictions):
        return self.candidates(predictions).scores

    def instance_masks(self, predictions, found):
        rows = tf.cast(tf.range(self.rows), tf.float32)[:, None, None, None]
        return tf.broadcast_to(rows, [self.rows, found.boxes.shape[1], 1, 1])


def joined(branches):
    """Sides of images 1 and 2 seen by branches 1, 2 and 3, in an image of 200 px."""
    inner = Found([[20, 95], [20, 95], [250, 80]], [[0.5, 0.6], [0.7, 0.8], [0.9, 0.4]])
    model = BranchedDetector(inner, branches)
    shapes = tf.constant([[200, 200]] * 2)
    return model, model.call(tf.zeros([2, 200, 200, 3]), shapes)


def test_what_is_in_range_is_joined():
    """Image 1: 20 px by branch 1; by branch 2 it is out of range; 250 px, of which 200
    are inside the image, by branch 3. Image 2: 95 px by branch 2 alone."""
    ranges = ((0, 90), (30, 160), (90, 1e9))
    model, predictions = joined(Branches(3, ranges))
    found = model.candidates(predictions)
    assert found.boxes.shape == (2, 3, 1, 4)
    scores = found.scores[..., 0].numpy()
    np.testing.assert_allclose(scores[0], [0.5, -np.inf, 0.9])
    np.testing.assert_allclose(scores[1], [-np.inf, 0.8, -np.inf])
    for name in ("branch", "prior", "level"):
        assert found.columns[name][0, :, 0].numpy().tolist() == [0, 1, 2]
    np.testing.assert_allclose(model.decode(predictions)[1, :, 2], [95, 95, 80])
    np.testing.assert_allclose(
        model.scores(predictions)[:, :, 0], [[0.5, 0.7, 0.9], [0.6, 0.8, 0.4]]
    )


def test_one_branch_alone_finds_everything():
    model, predictions = joined(Branches(3, ((0, 9),) * 3, alone=1))
    assert predictions.branches == (1,) and predictions.seen.true_shapes.shape[0] == 2
    found = model.candidates(predictions)
    np.testing.assert_allclose(found.scores[..., 0], [[0.5], [0.6]])
    assert found.columns["branch"].numpy().ravel().tolist() == [1, 1]


def test_masks_are_of_the_branch_that_found():
    """Rows of the batch: image 1 is 0, 2 and 4, image 2 is 1, 3 and 5."""
    model, predictions = joined(Branches(3))
    rows = tf.constant([[2, 0], [1, 1]])
    found = Detections(tf.zeros([2, 2, 4]), tf.zeros([2, 2]), rows, rows[:, 0], rows)
    masks = model.instance_masks(predictions, found)
    assert masks[..., 0, 0].numpy().tolist() == [[4, 0], [3, 3]]


def test_branches_that_are_alike_are_the_detector():
    """Dilations of 1, 1: the losses, and after suppression the boxes, of one branch."""
    plain, model = detector(""), detector("trident { dilations: [1, 1] }")
    kit.copy_weights(plain, model)
    targets = kit.targets()
    images = kit.images()
    keep_all = plain.first_stages[0].objective, plain.region_stages[0].objective
    inner = model._detector
    for objective in (*keep_all, inner.first_stages[0].objective):
        objective.samplers = []
    inner.region_stages[0].objective.samplers = []
    seen = [one.call(images, targets.true_shapes) for one in (plain, model)]
    losses = [
        one.losses(found, targets, kit.SEED)
        for one, found in zip((plain, model), seen, strict=True)
    ]
    for name, value in losses[0].items():
        assert float(losses[1][name]) == pytest.approx(float(value), rel=1e-3)
    one, two = (m.detect(p) for m, p in zip((plain, model), seen, strict=True))
    np.testing.assert_allclose(two.scores, one.scores, atol=1e-4)
    np.testing.assert_allclose(two.boxes[:, 0], one.boxes[:, 0], atol=1e-2)
    assert model.options == plain.options and not model.reports
    few = model.call(images, targets.true_shapes, num_proposals=3)
    assert model.decode(few).shape == (2, 6, 4)


def test_proposals_alone_are_joined_too():
    model = detector("trident {}", name="rpn")
    found = model.detect(model.call(kit.images(), kit.targets().true_shapes))
    assert found.boxes.shape == (2, 32, 4)
    assert found.count.numpy().min() > 0


@pytest.mark.parametrize(
    ("model", "fields"),
    [("faster_rcnn", "dilations: 0 dilations: 1"), ("ssd", "")],
)
def test_a_mistake_in_a_backbone_has_its_place(model, fields):
    """SSD joins no branches."""
    config = pipeline_pb2.TrainEvalPipelineConfig()
    extractor = getattr(config.model, model).feature_extractor
    getattr(config.model, model).num_classes = 1
    text = f"backbone {{ resnet {{ trident {{ {fields} }} }} }}"
    text += " neck { fpn {} }" if model == "ssd" else ""
    text_format.Parse(text, extractor)
    with pytest.raises(ConfigError) as caught:
        build_field(config, "model")
    assert caught.value.field_path.startswith(
        f"model.{model}.feature_extractor.backbone.resnet.trident"
    )


def test_an_objective_that_cannot_leave_sizes_out_is_refused():
    with pytest.raises(ConfigError, match="makes no use of branch_ranges") as caught:
        detector(f"trident {{ {RANGES} }}", "first_stage_objective { free_anchor {} }")
    assert "first_stage_objective.free_anchor" in caught.value.field_path
