"""The layers of an exported network that int8 may have, by names for people."""

import fnmatch

from od_api.core.errors import UserError

# What the graphs that models are made of put around a layer's own path.
_AROUND = "StatefulPartitionedCall/"
_NORM = "/batchnorm"


class WeightedLayers:
    """A model's layers with weights.

    Args:
      network: NetworkPart.
      told: {operator's name: the name of an operator that tells its layer}, where its
        own does not.

    Attributes:
      operators: {layer: names of its operators}, as they come in the network. A layer
        that is applied several times has several.
      heads: those of them that are heads: float32 is kept there, for codes of boxes and
        scores of all classes would share 256 steps.
    """

    def __init__(self, network, told=None):
        self.operators, self.heads = {}, set()
        for name in network.order:
            layer = layer_of((told or {}).get(name, name))
            self.operators.setdefault(layer, []).append(name)
            if name in network.heads:
                self.heads.add(layer)

    def named(self, patterns):
        """{layer} of the names, or patterns of names with `*`.

        Raises:
          UserError: there is no such layer.
        """
        named = set()
        for pattern in patterns:
            found = fnmatch.filter(self.operators, pattern)
            if not found:
                raise UserError(
                    f"--float-layers: no layer with weights is {pattern!r}; there are "
                    f"{', '.join(self.operators)}"
                )
            named.update(found)
        return named

    def chosen(self, in_float=()):
        """[layer] for int8: all but heads, and but those that are to stay in float32.

        Args:
          in_float: the latter, as `named` takes them.

        Raises:
          UserError: there is no such layer, or none is left.
        """
        kept = self.heads | self.named(in_float)
        chosen = [layer for layer in self.operators if layer not in kept]
        if not chosen:
            raise UserError(
                "this model has no weights for int8, but of heads or --float-layers"
            )
        return chosen

    def operators_of(self, layers):
        """{name of an operator} of these layers."""
        return {name for layer in layers for name in self.operators[layer]}


def layer_of(operator):
    """The path of an operator's layer, of the operator's name: without the operation,
    and of what was merged into it the first."""
    path, _, _ = operator.removeprefix(_AROUND).partition(";")
    path, _, _ = path.partition(_NORM)
    head, _, last = path.rpartition("/")
    return path if _NORM in operator.partition(";")[0] else head or last
