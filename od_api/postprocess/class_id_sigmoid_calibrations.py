"""Calibration by one scaled and shifted sigmoid a class (Platt scaling)."""

from od_api.core.registry import register
from od_api.postprocess._columns import per_column
from od_api.postprocess.sigmoid_calibration import SigmoidCalibration
from od_api.protos import calibration_pb2


@register(calibration_pb2.ClassIdSigmoidCalibrations)
class ClassIdSigmoidCalibrations:
    """1 / (1 + exp(a x + b)) with each class's own a and b.

    Classes without parameters keep what the score converter gave.

    Args:
      parameters_by_class: {class id: (a, b)}; ids as in the label map, 0 is the
        background.
      num_classes: K without background; tells whether there is a background column.
    """

    on_logits = False

    def __init__(self, *, parameters_by_class, num_classes=None):
        self._functions = {
            i: SigmoidCalibration(a=a, b=b) for i, (a, b) in parameters_by_class.items()
        }
        self._num_classes = num_classes

    @classmethod
    def from_proto(cls, message, num_classes=None, **_):
        parameters = message.class_id_sigmoid_parameters_map.items()
        return cls(
            parameters_by_class={i: (p.a, p.b) for i, p in parameters},
            num_classes=num_classes,
        )

    def __call__(self, scores):
        """[B, A, C] -> [B, A, C] float32."""
        return per_column(scores, self._functions, self._num_classes)
