"""Calibration by one temperature (Guo et al. 2017)."""

from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import calibration_pb2


@register(calibration_pb2.TemperatureScalingCalibration)
class TemperatureScalingCalibration:
    """Divides the logits before the score converter.

    Args:
      scaler: the temperature; above 1 makes scores less sure.
    """

    on_logits = True

    def __init__(self, *, scaler=0.0):
        ranges.above("scaler", scaler)
        self._scaler = scaler

    def __call__(self, logits):
        """[...] -> [...]."""
        return logits / self._scaler
