"""What assigners do before they look at similarities."""

import kit
import numpy as np

from od_api.assigners._targets import NEVER, similarities
from od_api.similarities.iou_similarity import IouSimilarity


def test_padding_is_never_near():
    """IoU 1 and 0 of the first box; the second one is padding."""
    box = np.float32([0, 0, 10, 10])
    targets = kit.make_targets([[box, box]], valid=[[1, 0]])
    values = similarities(IouSimilarity(), np.stack([box, box + 20]), targets)
    np.testing.assert_array_equal(values, [[[1, 0], [NEVER, NEVER]]])
