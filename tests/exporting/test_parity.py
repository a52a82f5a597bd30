"""What an exported model is compared by."""

import numpy as np
import pytest
import tensorflow as tf
import tiny

from od_api.checkpoints.restored_detector import detector_for_inference
from od_api.core.errors import UserError
from od_api.exporting import parity, serving
from od_api.exporting.signature_inputs import SignatureInputs

SHAPE = (100, 200)


def outputs(seed=0, count=20):
    rng = np.random.default_rng(seed)
    return {
        "raw_detection_boxes": rng.uniform(0, 1, (2, count, 4)),
        "raw_detection_scores": rng.uniform(0, 1, (2, count, 3)),
    }


def changed(found, row, amount):
    boxes = found["raw_detection_boxes"].copy()
    boxes[:, row] += amount
    return found | {"raw_detection_boxes": np.clip(boxes, 0, 1)}


def test_differences_are_in_pixels():
    """0.1 of a height of 100 and of a width of 200."""
    want = {
        "raw_detection_boxes": np.full((1, 1, 4), 0.5),
        "raw_detection_scores": np.full((1, 1, 2), 0.25),
    }
    got = {name: value + 0.1 for name, value in want.items()}
    found = parity.differences(got, want, SHAPE)
    assert found == pytest.approx({"boxes": 20.0, "scores": 0.1})


def test_boxes_outside_the_image_are_compared_at_its_border():
    want = outputs()
    got = changed(want, 0, 0.0)
    want["raw_detection_boxes"][0, 0] = [-0.5, -0.5, 1.5, 1.5]
    got["raw_detection_boxes"][0, 0] = [-0.7, -0.9, 1.2, 1.8]
    assert parity.differences(got, want, SHAPE)["boxes"] == 0.0


def test_proposals_may_come_in_another_order():
    want = outputs()
    order = np.random.default_rng(1).permutation(20)
    got = {name: value[:, order] for name, value in want.items()}
    assert parity.differences(got, want, SHAPE)["boxes"] > 1
    found = parity.of_ranked(got, want, SHAPE)
    assert found == {"boxes": 0.0, "scores": 0.0}


@pytest.mark.parametrize(("others", "agrees"), [(1, True), (4, False)])
def test_one_proposal_in_ten_may_be_another_one(others, agrees):
    """Of 20: one, and four."""
    want = outputs()
    got = changed(want, slice(0, others), 0.3)
    found = parity.of_ranked(got, want, SHAPE)
    assert (found["boxes"] <= parity.BOX_LIMIT_PIXELS) == agrees


def test_places_without_a_proposal_do_not_count_as_agreeing():
    """4 proposals and 196 empty places: one proposal off is more than a tenth."""
    want = outputs(count=200)
    for values in want.values():
        values[:, 4:] = 0.0
    got = changed(want, 0, 0.3)
    found = parity.of_ranked(got, want, SHAPE)
    assert found["boxes"] > parity.BOX_LIMIT_PIXELS


def test_proposals_that_are_all_a_little_off_are_seen():
    want = outputs()
    got = want | {"raw_detection_scores": want["raw_detection_scores"] + 1e-3}
    found = parity.of_ranked(got, want, SHAPE)
    assert found["scores"] == pytest.approx(1e-3)


@pytest.mark.parametrize("compare", [parity.differences, parity.of_ranked])
def test_a_diverged_checkpoint_is_refused(compare):
    want = outputs()
    want["raw_detection_scores"][0, 0] = np.nan
    with pytest.raises(UserError, match="diverged"):
        compare(outputs(), want, SHAPE)


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    """An SSD that was not trained and is sure of nothing: its list is empty."""
    folder = tmp_path_factory.mktemp("unsure")
    unsure = "model.ssd.post_processing.batch_non_max_suppression.score_threshold=0.9"
    return detector_for_inference(tiny.config_for(folder, folder, unsure))[0]


def model_of(detector, broken=None):
    """What it finds; in a black image the last place of an output is `broken`."""

    def find(images):
        found = serving.outputs_of(detector, *serving.resize(detector.resizer, images))
        found = {name: value.numpy() for name, value in found.items()}
        if broken is not None and not np.any(images):
            assert found["num_detections"][0] < 20
            name, value = broken
            found[name][0, -1] = value
        return found

    return find


def test_a_model_that_is_right(detector):
    found = parity.check(model_of(detector), detector, SignatureInputs())
    assert found == pytest.approx({"boxes": 0, "scores": 0}, abs=1e-5)


@pytest.mark.parametrize("is_exact", [True, False])
def test_no_number_behind_the_last_detection(detector, is_exact):
    """Whatever the precision, and where nothing is compared with the checkpoint's."""
    model = model_of(detector, ("detection_boxes", np.nan))
    with pytest.raises(UserError, match="detection_boxes of an image of 0 alone are"):
        parity.check(model, detector, SignatureInputs(), is_exact)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    ("name", "shape"),
    [
        *(("detection_boxes", (2, 5, 4)), ("detection_scores", (2, 5))),
        *(("detection_classes", (2, 5)), ("num_detections", (2,))),
        *(("detection_masks", (2, 5, 3, 3)), ("image_class_scores", (2, 3))),
    ],
)
def test_every_place_of_every_output_is_looked_at(name, shape, value):
    right = {name: np.zeros(shape, np.float32), "other": tf.zeros([2])}
    parity.refuse_not_finite(right, "noise")
    for place in range(np.size(right[name])):
        wrong = right[name].copy()
        wrong.flat[place] = value
        with pytest.raises(UserError, match=f"model's {name} of noise are not all"):
            parity.refuse_not_finite(right | {name: wrong}, "noise")
