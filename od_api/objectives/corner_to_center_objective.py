"""What a matrix net of corners learns of the two corners of each object."""

import tensorflow as tf

from od_api.core.registry import register
from od_api.objectives._corners import CornersObjective, at, of_two_numbers
from od_api.protos import keypoints_pb2


@register(keypoints_pb2.CornerToCenterObjective)
class CornerToCenterObjective(CornersObjective):
    """Heat of corners, their offsets inside cells, and how far the centre is.

    Of either corner the way to the object's centre is learnt, (y, x) in cells and
    positive: half of the box's height and width. All sums are divided by the objects.
    The authors' code divides the way by the cells of the coarsest layer, too (4 at 512
    px), which here is a matter of `center_weight` and of the loss; and it rounds places
    to cells, where here a corner has the cell that it lies in. Source: Rashwan et al.,
    Matrix Nets, ICCV Workshops 2019, section 3.2, and its authors' code.

    Args:
      num_classes: K.
      min_overlap, integer_radius, heat_loss, offset_loss: as `CornersObjective`.
      center_loss: of [..., 2]; None: smooth L1.
      heat_weight, offset_weight, center_weight: of the losses.
    """

    def __init__(
        self,
        *,
        num_classes,
        min_overlap=0.3,
        integer_radius=False,
        heat_loss=None,
        offset_loss=None,
        center_loss=None,
        heat_weight=1.0,
        offset_weight=1.0,
        center_weight=0.1,
    ):
        super().__init__(
            num_classes=num_classes,
            min_overlap=min_overlap,
            integer_radius=integer_radius,
            heat_loss=heat_loss,
            offset_loss=offset_loss,
            heat_weight=heat_weight,
            offset_weight=offset_weight,
            center_weight=center_weight,
        )
        self.center_loss = of_two_numbers("center_loss", center_loss)

    def pairing(self, maps, corners, weights, divisor):
        """`center_loss` of maps of ways to the centre, [B, h, w, 2]."""
        start, end = corners
        aim = (end.places - start.places) / 2.0
        losses = [
            self.center_loss(at(maps[f"{c.name}_center"], c.cells), aim)
            for c in corners
        ]
        return {"center_loss": tf.reduce_sum(weights * tf.add_n(losses)) / divisor}
