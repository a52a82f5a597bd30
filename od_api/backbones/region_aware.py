"""Stages of a network whose convolutions read regions with kernels of their own."""

from od_api.core import ranges
from od_api.core.errors import ConfigError
from od_api.core.registry import register
from od_api.layers.region_aware_conv import RegionAwareConv2D
from od_api.protos import backbone_pb2


@register(backbone_pb2.RegionAware)
class RegionAware:
    """Dynamic region-aware convolutions in the place of ordinary ones of some stages.

    Each such convolution says of every cell which of m regions it is of, and makes m
    kernels of the image. It has m^2 times the weights of the plain one, which no file
    has: it starts from random ones. Source: Chen et al., Dynamic Region-Aware
    Convolution, CVPR 2021.

    Args:
      stages: of the network, such as C4; empty: C5.
      regions: m.
    """

    def __init__(self, *, stages=(), regions=8):
        self.stages = tuple(stages) or ("C5",)
        if len(set(self.stages)) < len(self.stages):
            raise ConfigError(f"are {list(stages)}: name each once", "stages")
        self.regions = ranges.between("regions", regions, 1, 64)

    def replacing(self, edit, names):
        """An edit for `keras_network.rebuild`: another one, and then these layers.

        Args:
          edit: (layer, config) -> a layer in its place, or None.
          names: of the convolutions that may be replaced, "C5_..." those of C5.

        Raises:
          ConfigError: a stage has none of them.
        """
        for stage in self.stages:
            if not any(name.startswith(f"{stage}_") for name in names):
                have = sorted({name.split("_")[0] for name in names})
                raise ConfigError(
                    f"{stage!r} has no convolutions to replace: take {', '.join(have)}",
                    "region_aware.stages",
                )
        starts = tuple(f"{stage}_" for stage in self.stages)
        replaced = {name for name in names if name.startswith(starts)}

        def changed(layer, config):
            other = edit(layer, config)
            if layer.name not in replaced:
                return other
            _check(layer.name, config, other)
            kept = ("filters", "kernel_initializer", "kernel_regularizer", "name")
            return RegionAwareConv2D(
                kernel_size=config["kernel_size"][0],
                strides=config["strides"][0],
                regions=self.regions,
                **{name: config[name] for name in kept},
            )

        return changed


def _check(name, config, other):
    """Refuses a convolution that has groups, or that something else replaces."""
    if other is not None:
        raise ConfigError(
            f"the convolutions of {name.split('_')[0]} are of low rank "
            "(conv_hyperparams): name other stages",
            "region_aware.stages",
        )
    if config["groups"] > 1:
        raise ConfigError(
            f"{name} has {config['groups']} groups of channels, and a region's kernel "
            "has none: set groups: 1 (and group_width: 64, a ResNet)",
            "region_aware",
        )


def read_by_region(network):
    """Names of the convolutions of a network that no file has weights for."""
    return [x.name for x in network.layers if isinstance(x, RegionAwareConv2D)]
