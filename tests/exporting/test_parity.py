"""What an exported model is compared by."""

import numpy as np
import pytest

from od_api.core.errors import UserError
from od_api.exporting import parity

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
