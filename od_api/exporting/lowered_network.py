"""Which part of an OpenVINO model may be of a lower precision: the network alone.

Decoding, suppression and the places of RoI crops are numbers of pixels: bfloat16 knows
them to 4 px from 512 on, and rounds the last row of 300 to the next. OpenVINO itself
keeps what comes after the last convolution in float32, and not what stands between two
stages, nor before the network.
"""

# Those with weights. What lies between two of them is the network, too.
_CONVOLUTIONS = (
    "Convolution",
    "GroupConvolution",
    "ConvolutionBackpropData",
    "GroupConvolutionBackpropData",
)
_CHOOSING = ("TopK", "NonMaxSuppression")
_PICKING = ("Gather", "Scatter")  # and what begins so
_NO_OPERATORS = ("Parameter", "Result")
# OpenVINO's: the operator computes in its own precision, whatever is asked for.
_PRECISE = "precise_0"


class LoweredNetwork:
    """The operators of an OpenVINO model, parted.

    An operator belongs to the network if it has weights, or if it lies on a path of
    real numbers from one that has to another. No path leads through a choice (TopK,
    NonMaxSuppression), nor through a gather at places that depend on the network.

    Args:
      model: openvino.Model, not changed.

    Attributes:
      weighted: names of the operators that have weights.
      names: of those of the network; the former included.
      others: names of all other operators, without constants.
    """

    def __init__(self, model):
        self._operators = model.get_ordered_ops()
        self._varying, self._found = set(), set()
        self.weighted, closed = set(), set()
        for operator in self._operators:
            if self._looked_at(operator):
                closed.add(operator.get_friendly_name())
        below = self._below(closed)
        self.names = self.weighted | (below & self._above(closed))
        self.others = {
            o.get_friendly_name()
            for o in self._operators
            if o.get_type_name() not in (*_NO_OPERATORS, "Constant")
        } - self.names

    def keep_others_exact(self):
        """Marks the other operators, and the constants of theirs alone, so."""
        for operator in self._operators:
            name, kind = operator.get_friendly_name(), operator.get_type_name()
            readers = {reader.get_friendly_name() for reader in _readers(operator)}
            is_own = kind == "Constant" and readers <= self.others
            if name in self.others or is_own:
                operator.get_rt_info()[_PRECISE] = ""

    def _looked_at(self, operator):
        """Notes what an operator depends on; whether no path leads through it."""
        name, kind = operator.get_friendly_name(), operator.get_type_name()
        sources = [source.get_friendly_name() for source in _sources(operator)]
        varying = [source in self._varying for source in sources]
        if kind == "Parameter" or any(varying):
            self._varying.add(name)
        is_product = kind == "MatMul" and any(varying) and not all(varying)
        if kind in _CONVOLUTIONS or is_product:
            self.weighted.add(name)
        if name in self.weighted or any(s in self._found for s in sources):
            self._found.add(name)
        places = any(source in self._found for source in sources[1:])
        return kind in _CHOOSING or (kind.startswith(_PICKING) and places)

    def _below(self, closed):
        """Names of those that a path leads to from weights."""
        reached = set(self.weighted)
        for operator in self._operators:
            if operator.get_friendly_name() not in closed and any(
                value.get_element_type().is_real()
                and value.get_node().get_friendly_name() in reached
                for value in operator.input_values()
            ):
                reached.add(operator.get_friendly_name())
        return reached

    def _above(self, closed):
        """Names of those that a path leads from to weights."""
        leading = set(self.weighted)
        for operator in reversed(self._operators):
            readers = {reader.get_friendly_name() for reader in _readers(operator)}
            if operator.get_friendly_name() not in closed and readers & leading:
                leading.add(operator.get_friendly_name())
        return leading


def _sources(operator):
    return [value.get_node() for value in operator.input_values()]


def _readers(operator):
    return [
        place.get_node()
        for value in operator.outputs()
        for place in value.get_target_inputs()
    ]
