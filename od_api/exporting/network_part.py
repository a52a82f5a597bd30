"""Which operators of an exported model are its network, and which layers are heads.

The same for every engine: a format's own module brings its operators into the terms of
`Operator`, and NetworkPart parts them by what depends on what, whatever their names.
"""

from typing import NamedTuple

# What an operator is, as far as it matters here.
INPUT, CONSTANT, CONVOLUTION, PRODUCT, CHOICE, PICK, OTHER = (
    *("input", "constant", "convolution", "product", "choice", "pick", "other"),
)


class Operator(NamedTuple):
    """An operator of a model.

    Attributes:
      name: that no other one has.
      kind: CONVOLUTION has weights, and PRODUCT (of matrices) may have them; CHOICE
        says which are the best, PICK takes, from its first source, what others name.
      sources: names of the operators whose values it takes, in their order.
      real: of each whether these values are real numbers.
    """

    name: str
    kind: str
    sources: tuple = ()
    real: tuple = ()


class NetworkPart:
    """The operators of a model, parted.

    An operator belongs to the network if it has weights, or if it lies on a path of
    real numbers from one that has to another. No path leads through a choice, nor
    through a pick at places that depend on the network.

    Args:
      operators: Operators, each after its sources.

    Attributes:
      weighted: names of the operators that have weights.
      heads: those of the former that no path leads on from: what they say are scores,
        codes of boxes, masks.
      names: of those of the network; the former included.
      others: names of all other operators, without inputs and constants.
      order: names of those with weights, as they come.
    """

    def __init__(self, operators):
        self._operators = tuple(operators)
        self._varying, self._found = set(), set()
        self.weighted = set()
        closed = {o.name for o in self._operators if self._looked_at(o)}
        readers = self._readers()
        above = self._above(closed, readers)
        self.names = self.weighted | (self._below(closed) & above)
        self.heads = {n for n in self.weighted if not readers[n] & self.names}
        self.order = [o.name for o in self._operators if o.name in self.weighted]
        kinds = (INPUT, CONSTANT)
        every = {o.name for o in self._operators if o.kind not in kinds}
        self.others = every - self.names

    def _looked_at(self, operator):
        """Notes what an operator depends on; whether no path leads through it."""
        varying = [source in self._varying for source in operator.sources]
        if operator.kind == INPUT or any(varying):
            self._varying.add(operator.name)
        is_product = operator.kind == PRODUCT and any(varying) and not all(varying)
        if operator.kind == CONVOLUTION or is_product:
            self.weighted.add(operator.name)
        found = [source in self._found for source in operator.sources]
        if operator.name in self.weighted or any(found):
            self._found.add(operator.name)
        return operator.kind == CHOICE or (operator.kind == PICK and any(found[1:]))

    def _readers(self):
        """{name: names of the operators that take its values}."""
        readers = {operator.name: set() for operator in self._operators}
        for operator in self._operators:
            for source in operator.sources:
                readers[source].add(operator.name)
        return readers

    def _below(self, closed):
        """Names of those that a path leads to from weights."""
        reached = set(self.weighted)
        for operator in self._operators:
            sources = zip(operator.sources, operator.real, strict=True)
            if operator.name not in closed and any(
                is_real and source in reached for source, is_real in sources
            ):
                reached.add(operator.name)
        return reached

    def _above(self, closed, readers):
        """Names of those that a path leads from to weights."""
        leading = set(self.weighted)
        for operator in reversed(self._operators):
            if operator.name not in closed and readers[operator.name] & leading:
                leading.add(operator.name)
        return leading
