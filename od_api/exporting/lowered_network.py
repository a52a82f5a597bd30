"""Which part of an OpenVINO model may be of a lower precision: the network alone.

Decoding, suppression and the places of RoI crops are numbers of pixels: bfloat16 knows
them to 4 px from 512 on, and rounds the last row of 300 to the next. OpenVINO itself
keeps what comes after the last convolution in float32, and not what stands between two
stages, nor before the network.
"""

from od_api.exporting import network_part
from od_api.exporting.network_part import NetworkPart, Operator

_KINDS = {
    "Parameter": network_part.INPUT,
    "Constant": network_part.CONSTANT,
    "Convolution": network_part.CONVOLUTION,
    "GroupConvolution": network_part.CONVOLUTION,
    "ConvolutionBackpropData": network_part.CONVOLUTION,
    "GroupConvolutionBackpropData": network_part.CONVOLUTION,
    "MatMul": network_part.PRODUCT,
    "TopK": network_part.CHOICE,
    "NonMaxSuppression": network_part.CHOICE,
}
_PICKING = ("Gather", "Scatter")  # and what begins so
# What OpenVINO adds to the name of one whose bias it took out, which keeps the name.
_MERGED = "/WithoutBiases"
# OpenVINO's: the operator computes in its own precision, whatever is asked for.
_PRECISE = "precise_0"


class LoweredNetwork(NetworkPart):
    """The operators of an OpenVINO model, parted.

    Args:
      model: openvino.Model, not changed.
    """

    def __init__(self, model):
        self._model = model
        every = (o for o in model.get_ordered_ops() if o.get_type_name() != "Result")
        super().__init__(map(_described, every))

    def told(self):
        """{operator with weights: the name that tells its layer}.

        Those without a path in their name are told by the first operator behind them
        that has one and that alone takes their values.
        """
        found = {}
        for operator in self._model.get_ordered_ops():
            name = operator.get_friendly_name()
            if name in self.weighted:
                found[name] = _with_path(operator)
        return found

    def keep_others_exact(self, model=None, further=()):
        """Marks the other operators, and the constants of theirs alone, so.

        Args:
          model: of the same operators and more; None: the one that was parted.
          further: names of operators of the network that are marked as well.
        """
        exact = self.others | set(further)
        for operator in (model or self._model).get_ordered_ops():
            name, kind = operator.get_friendly_name(), operator.get_type_name()
            readers = {reader.get_friendly_name() for reader in _readers(operator)}
            is_own = kind == "Constant" and readers <= exact
            if name in exact or is_own:
                operator.get_rt_info()[_PRECISE] = ""


def _described(operator):
    """The Operator of one of OpenVINO's."""
    kind, values = operator.get_type_name(), operator.input_values()
    known = network_part.PICK if kind.startswith(_PICKING) else network_part.OTHER
    return Operator(
        operator.get_friendly_name(),
        _KINDS.get(kind, known),
        tuple(value.get_node().get_friendly_name() for value in values),
        tuple(value.get_element_type().is_real() for value in values),
    )


def _readers(operator):
    return [
        place.get_node()
        for value in operator.outputs()
        for place in value.get_target_inputs()
    ]


def _with_path(operator):
    """The name of an operator, or of what comes behind it, that is a layer's."""
    name, readers = operator.get_friendly_name(), _readers(operator)
    is_merged = name.endswith(_MERGED)
    if "/" in name and not is_merged:
        return name
    (behind,) = readers if len(readers) == 1 else (None,)
    is_layers = behind and behind.get_type_name() != "Result"
    return _with_path(behind) if is_layers else name.removesuffix(_MERGED)
