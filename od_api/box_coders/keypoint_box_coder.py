"""The box code of Faster R-CNN followed by keypoints."""

import tensorflow as tf

from od_api.box_coders.faster_rcnn_box_coder import EPSILON, FasterRcnnBoxCoder
from od_api.core import boxes as geometry
from od_api.core import ranges
from od_api.core.errors import UserError
from od_api.core.registry import register
from od_api.core.types import prior_boxes
from od_api.protos import keypoint_box_coder_pb2


@register(keypoint_box_coder_pb2.KeypointBoxCoder)
class KeypointBoxCoder:
    """A box and its keypoints relative to an anchor.

    A box with K keypoints is `[ymin, xmin, ymax, xmax, y0, x0, y1, x1, ...]`. The first
    four numbers of the code are those of `FasterRcnnBoxCoder`; a keypoint (y, x) is
      y_scale * (y - yc_a) / h_a, x_scale * (x - xc_a) / w_a. Source: the old API.

    Args:
      num_keypoints: K; with 0 the code is that of `FasterRcnnBoxCoder`.

    Attributes:
      code_size: 4 + 2K.
    """

    def __init__(
        self,
        *,
        num_keypoints=0,
        y_scale=10.0,
        x_scale=10.0,
        height_scale=5.0,
        width_scale=5.0,
    ):
        ranges.at_least("num_keypoints", num_keypoints, 0, 10_000)
        self.box_coder = FasterRcnnBoxCoder(
            y_scale=y_scale,
            x_scale=x_scale,
            height_scale=height_scale,
            width_scale=width_scale,
        )
        self.point_scales = [y_scale, x_scale]
        self.num_keypoints = num_keypoints
        self.code_size = 4 + 2 * num_keypoints

    def encode(self, boxes, anchors):
        """[..., 4 + 2K], Priors or anchors [..., 4] -> [..., 4 + 2K] codes.

        Raises:
          UserError: boxes without their keypoints.
        """
        boxes = tf.cast(boxes, tf.float32)
        if boxes.shape[-1] != self.code_size:
            raise UserError(
                f"keypoint_box_coder has num_keypoints {self.num_keypoints} and needs "
                f"{self.code_size} numbers a box, not {boxes.shape[-1]}; give boxes "
                "with their keypoints behind them, or use faster_rcnn_box_coder"
            )
        center, size = _points_center_size(anchors)
        points = (self._points(boxes) - center) / (size + EPSILON) * self.point_scales
        return self._join(self.box_coder.encode(boxes[..., :4], anchors), points)

    def decode(self, codes, anchors):
        """[..., 4 + 2K] codes, Priors or anchors [..., 4] -> [..., 4 + 2K]."""
        codes = tf.cast(codes, tf.float32)
        center, size = _points_center_size(anchors)
        points = self._points(codes) / self.point_scales * size + center
        return self._join(self.box_coder.decode(codes[..., :4], anchors), points)

    def _points(self, boxes):
        """[..., 4 + 2K] -> [..., K, 2]."""
        shape = tf.concat([tf.shape(boxes)[:-1], [self.num_keypoints, 2]], axis=0)
        return tf.reshape(boxes[..., 4:], shape)

    def _join(self, boxes, points):
        """[..., 4], [..., K, 2] -> [..., 4 + 2K]."""
        shape = tf.concat([tf.shape(points)[:-2], [2 * self.num_keypoints]], axis=0)
        return tf.concat([boxes, tf.reshape(points, shape)], axis=-1)


def _points_center_size(anchors):
    """[..., 4] -> (centre, size), each [..., 1, 2], ready to meet [..., K, 2]."""
    y, x, height, width = geometry.center_size(prior_boxes(anchors))
    return (
        tf.stack([y, x], axis=-1)[..., None, :],
        tf.stack([height, width], axis=-1)[..., None, :],
    )
