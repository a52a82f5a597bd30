"""Calibration by one piecewise linear function a class."""

from od_api.core.registry import register
from od_api.postprocess._columns import per_column
from od_api.postprocess.function_approximation import FunctionApproximation, points_of
from od_api.protos import calibration_pb2


@register(calibration_pb2.ClassIdFunctionApproximations)
class ClassIdFunctionApproximations:
    """Maps the scores of each class through lines between that class's points.

    Classes without points keep their scores.

    Args:
      points_by_class: {class id: [(x, y), ...]}; ids as in the label map, 0 is the
        background.
      num_classes: K without background; tells whether there is a background column.
    """

    on_logits = False

    def __init__(self, *, points_by_class, num_classes=None):
        self._functions = {
            i: FunctionApproximation(points=points)
            for i, points in points_by_class.items()
        }
        self._num_classes = num_classes

    @classmethod
    def from_proto(cls, message, num_classes=None, **_):
        points = {i: points_of(p) for i, p in message.class_id_xy_pairs_map.items()}
        return cls(points_by_class=points, num_classes=num_classes)

    def __call__(self, scores):
        """[B, A, C] -> [B, A, C] float32."""
        return per_column(scores, self._functions, self._num_classes)
