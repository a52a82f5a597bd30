"""Where each old tensor goes: old weights as values of a detector's variables.

Both networks compute the same function then. Where one side has batch norm in a place
and the other does not, it is folded, or made one that does nothing:

    (x W - mean) g / sqrt(var + e) + beta  =  x (W g / sqrt(var + e)) + ...
"""

import functools
import re
from typing import NamedTuple

import keras
import numpy as np

from od_api.checkpoints.importing import keras_names, slim_names
from od_api.checkpoints.importing.layer_units import layout_of, units_of
from od_api.core.errors import UserError

# Of batch norm whose layer is not known, as every old network had it.
_EPSILON = 0.001


class Placement(NamedTuple):
    """Old weights by our names.

    Attributes:
      values: {our name: array}, of the old shape.
      origins: {our name: the old tensor's name, or what it was made of}.
      unused: old names that went nowhere.
      folded: how many batch norms of ours got statistics that do nothing, because the
        old network had its own folded into the kernels.
    """

    values: dict
    origins: dict
    unused: list
    folded: int


def placed(old, parts, variables):
    """The Placement of OldWeights in a detector.

    Args:
      old: OldWeights.
      parts: the detector's parts; they know the epsilons of batch norm.
      variables: {name: variable} of the parts.

    Raises:
      UserError: two tensors of the old network would be one of ours.
    """
    return _Placer(old, _epsilons(parts), units_of(variables)).placement()


def _epsilons(parts):
    """{layer's name: epsilon} of all batch norm."""
    return {
        f"{part}/{layer.moving_mean.path.rpartition('/')[0]}": layer.epsilon
        for part, whole in parts.items()
        for layer in whole._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization) and layer.built
    }


class _Placer:
    """One run over the units of a detector."""

    def __init__(self, old, epsilons, units):
        self._old, self._epsilons, self._units = old, epsilons, units
        self._layout = layout_of(units)
        self._scopes = _by_scope(old)
        self._leaf_names = slim_names.LEAVES if old.slim else keras_names.LEAVES
        norms = (self._scope(unit) for unit in units if unit.is_norm)
        self._our_norms = {scope for scope in norms if scope}
        self._values, self._origins, self._used, self._folded = {}, {}, set(), 0

    def placement(self):
        for unit in self._units:
            (self._place_norm if unit.is_norm else self._place_kernel)(unit)
        unused = sorted(set(self._old.arrays) - self._used)
        return Placement(self._values, self._origins, unused, self._folded)

    def _scope(self, unit):
        """The old scope of a unit, or None."""
        pattern = _pattern(unit, self._layout, self._old.slim)
        return None if pattern is None else self._matching(pattern)

    @functools.cache  # noqa: B019 (it lives as long as its placer)
    def _matching(self, pattern):
        whole = pattern[1:] if pattern[0] == "^" else f"(?:.*/)?(?:{pattern})"
        matches = [s for s in self._scopes if re.fullmatch(whole, s)]
        if len(matches) > 1:
            # Old first stages held the whole network, what only the second uses too.
            second = [s for s in matches if s.startswith("SecondStage")]
            matches = second or matches
        if len(matches) > 1:
            raise UserError(
                f"{self._old.path} holds two networks: {' and '.join(matches[:2])} are "
                "both what one layer of the model would take"
            )
        return matches[0] if matches else None

    def _place_kernel(self, unit):
        scope = self._scope(unit)
        if scope is None:
            return
        norm = (
            self._scopes.get(slim_names.norm_scope(scope)) if self._old.slim else None
        )
        norm_scope = slim_names.norm_scope(scope)
        folds = norm is not None and norm_scope not in self._our_norms
        for leaf, name in unit.leaves.items():
            old = self._find(scope, leaf)
            if old is not None:
                self._set(name, self._old.arrays[old], old)
            elif leaf == "bias":
                self._set(name, np.zeros(self._depth(unit), np.float32), "no bias: 0")
        if folds:
            self._fold(unit, norm_scope)
        elif norm is not None and "gamma" in norm:
            self._fold_gamma(unit, norm_scope)
        if _reads_colours(unit):
            self._reverse_colours(unit)

    def _place_norm(self, unit):
        scope = self._scope(unit)
        if scope is None:
            self._do_nothing(unit)
            return
        for leaf, name in unit.leaves.items():
            old = self._find(scope, leaf)
            if old is not None:
                self._set(name, self._old.arrays[old], old)
            elif leaf in ("gamma", "beta"):
                like = self._old.arrays[self._find(scope, "moving_mean")]
                value = np.full_like(like, float(leaf == "gamma"))
                self._set(name, value, f"no {leaf}: {int(leaf == 'gamma')}")
        if self._old.slim and "moving_mean" in unit.leaves:
            self._shift_mean(unit, scope)

    def _shift_mean(self, unit, scope):
        """Takes up what ours has no place for.

        (x + b - mean) g  =  x g - (mean - b) g
        """
        name = unit.leaves["moving_mean"]
        mean, origin = self._values[name], self._origins[name]
        bias = self._find(_without_norm(scope), "bias")
        if bias is not None and not self._has_bias(unit):
            mean = mean - self._take(_without_norm(scope), "bias")
        if "gamma" not in unit.leaves:
            mean = mean * self._take(scope, "gamma", np.float32(1))
        self._set(name, mean, origin)

    def _has_bias(self, norm):
        """Whether the convolution before one of our batch norms has a bias."""
        kin = [u for u in self._units if u.name == norm.name and not u.is_norm]
        return any("bias" in unit.leaves for unit in kin)

    def _do_nothing(self, unit):
        """Batch norm that adds the old biases, and is of no other effect."""
        pattern = _pattern(unit, self._layout, self._old.slim)
        if not self._old.slim or pattern is None:
            return
        scope = self._matching(_without_norm(pattern))
        bias = None if scope is None else self._find(scope, "bias")
        if bias is None:
            return
        beta = self._old.arrays[bias]
        epsilon = self._epsilons.get(unit.layer, _EPSILON)
        values = {
            "gamma": np.ones_like(beta),
            "beta": beta,
            "moving_mean": np.zeros_like(beta),
            "moving_variance": np.full_like(beta, 1 - epsilon),
        }
        for leaf, name in unit.leaves.items():
            origin = bias if leaf == "beta" else f"folded into {scope}"
            self._set(name, values[leaf], origin)
        self._folded += 1

    def _fold(self, unit, norm_scope):
        """Batch norm that ours has no layer for becomes part of kernel and bias."""
        mean, variance = (
            self._take(norm_scope, leaf) for leaf in ("moving_mean", "moving_variance")
        )
        gamma = self._take(norm_scope, "gamma", np.ones_like(mean))
        beta = self._take(norm_scope, "beta", np.zeros_like(mean))
        siblings = [
            self._epsilons[u.layer] for u in self._units if self._is_kin(u, unit)
        ]
        epsilon = siblings[0] if siblings else _EPSILON
        scale = gamma / np.sqrt(variance + epsilon)
        self._multiply(unit, scale)
        if "bias" in unit.leaves:
            name = unit.leaves["bias"]
            bias = (self._values[name] - mean) * scale + beta
            self._set(name, bias, f"folded {norm_scope}")

    def _is_kin(self, one, unit):
        return one.layer in self._epsilons and _part(one) == _part(unit)

    def _fold_gamma(self, unit, norm_scope):
        """Where our batch norm has no scale, kernel and mean take the old one's."""
        twins = [u for u in self._units if u.is_norm and self._scope(u) == norm_scope]
        if not twins or "gamma" in twins[0].leaves:
            return
        self._multiply(unit, self._take(norm_scope, "gamma"))

    def _multiply(self, unit, scale):
        """Multiplies a kernel's output channels."""
        leaf = "pointwise_kernel" if "pointwise_kernel" in unit.leaves else "kernel"
        name = unit.leaves[leaf]
        value = self._values[name]
        if value.ndim == 4 and value.shape[-1] == 1 != len(scale):
            scale = scale[:, None]  # depthwise: [h, w, C, 1]
        self._set(name, value * scale, self._origins[name])

    def _reverse_colours(self, unit):
        """Old networks were fed RGB where ours takes BGR, as Keras' weights do."""
        name = unit.leaves["kernel"]
        if name in self._values:
            self._values[name] = self._values[name][:, :, ::-1]

    def _take(self, scope, leaf, default=None):
        old = self._find(scope, leaf)
        if old is None:
            return default
        self._used.add(old)
        return self._old.arrays[old]

    def _find(self, scope, leaf):
        """The old name of a layer's tensor, or None."""
        there = self._scopes.get(scope, {})
        leaves = self._leaf_names.get(leaf, (leaf,))
        return next((there[one] for one in leaves if one in there), None)

    def _depth(self, unit):
        """Channels that a convolution makes."""
        leaf = "pointwise_kernel" if "pointwise_kernel" in unit.leaves else "kernel"
        shape = self._values[unit.leaves[leaf]].shape
        depthwise = "depthwise" in self._origins[unit.leaves[leaf]].rpartition("/")[2]
        return shape[-2] * shape[-1] if depthwise else shape[-1]

    def _set(self, name, value, origin):
        self._values[name], self._origins[name] = value, origin
        if origin in self._old.arrays:
            self._used.add(origin)


def _without_norm(scope):
    return re.sub(r"/BatchNorm(/feature_\d+)?$", "", scope)


def _part(unit):
    return unit.layer.partition("/")[0]


def _reads_colours(unit):
    return re.fullmatch(r"backbone/resnet\d+/conv1", unit.name) is not None


def _by_scope(old):
    """{scope: {leaf: name}}; layers that Keras counted up get their first numbers."""
    scopes = {}
    for name in old.arrays:
        scope, _, leaf = name.rpartition("/")
        scopes.setdefault(scope, {})[leaf] = name
    anew = {} if old.slim else keras_names.counted_anew(scopes)
    return {anew.get(scope, scope): leaves for scope, leaves in scopes.items()}


def _pattern(unit, layout, slim):
    """The pattern of a unit's old scope, or None where no old network had it."""
    for ours, old in slim_names.ROWS if slim else keras_names.ROWS:
        name = unit.name
        if not slim and name.startswith("backbone/"):
            name = unit.layer
        match = re.fullmatch(ours, name)
        if match is None:
            continue
        if not slim:
            return old(match, layout, unit)
        pattern = match.expand(old) if isinstance(old, str) else old(match, layout)
        return slim_names.norm_scope(pattern) if unit.is_norm else pattern
    return None
