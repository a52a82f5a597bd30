"""From a FasterRcnn message to what reads its regions: operator, network, head."""

from od_api.core.errors import ConfigError
from od_api.core.registry import build, build_field, part_class
from od_api.detectors.regions import CroppedRegions, PositionSensitiveRegions
from od_api.old_api import two_stage_messages as old


class RegionParts:
    """Makes the network, operator and head of each region stage, their variables made.

    Args:
      message: the FasterRcnn message.
      backbone: the backbone; its second stage, if there is one, is the network of all.
      maps: MapSpecs of the maps that regions are read from.
      map_by_map: these are read one at a time, and nothing is chosen or fused.

    Raises:
      ConfigError: a region operator that cannot be built.
    """

    def __init__(self, message, backbone, maps, map_by_map=False):
        self._message = message
        self._backbone = backbone
        self._maps = maps
        self._map_by_map = map_by_map
        self._shared = None

    def of(self, fields):
        """The regions of one stage, by its StageFields.

        Raises:
          ConfigError: parts that do not fit each other, with the place of the one to
            change.
        """
        place, holder, field = fields.where(
            "box_predictor", "second_stage_box_predictor"
        )
        reads = self._reads(getattr(holder, field), place)
        head = fields.build(
            "box_predictor",
            lambda **context: build_field(
                self._message, "second_stage_box_predictor", **context
            ),
            num_classes=self._message.num_classes,
        )
        network = self._backbone.second_stage
        if network is None and reads == "regions":
            network = build(old.region_network(self._message.feature_extractor))
        operator = fields.build("region_operator", self._operator)
        if self._map_by_map:
            operator = operator.of_one_map()
        # Before it is copied: all forms have one set of weights.
        operator.build(self._maps)
        regions = self._composed(reads, fields, head, network, operator)
        try:
            regions.build(self._maps)
        except ValueError as error:
            raise ConfigError(str(error), place) from error
        return regions

    def _reads(self, box_predictor, place):
        """What the head reads, "regions" or "maps"; refused if it does not fit."""
        part = part_class(box_predictor)
        reads = getattr(part, "reads", "regions")
        predictor = box_predictor.WhichOneof("box_predictor_oneof")
        problem = None
        if reads == "cells":
            problem = (
                "is for the anchors of model.ssd; regions take mask_rcnn_box_predictor "
                "or rfcn_box_predictor"
            )
        elif reads == "maps" and len(self._maps.levels) > 1:
            problem = (
                "works on one map, and regions are read from "
                f"{', '.join(self._maps.levels)}: name one in region_levels, choose a "
                "type without _fpn, or mask_rcnn_box_predictor"
            )
        if problem:
            raise ConfigError(problem, f"{place}.{predictor}")
        return reads

    def _operator(self):
        """The detector's own operator, one for all stages."""
        if self._shared is None:
            message = self._message
            if message.HasField("region_operator"):
                self._shared = build_field(message, "region_operator")
            else:
                self._shared = build(old.region_operator())
        return self._shared

    def _composed(self, reads, fields, head, network, operator):
        place, _, _ = fields.where("region_operator", "region_operator")
        if self._message.use_matmul_crop_and_resize:
            operator = operator.static()
        if reads == "maps":
            try:
                return PositionSensitiveRegions(
                    head=head, network=network, operator=operator
                )
            except ValueError as error:
                raise ConfigError(str(error), place) from error
        _refuse_written_zeros(self._message)
        message = self._message
        try:
            return CroppedRegions(
                head=head,
                network=network,
                operator=operator,
                crop_size=message.initial_crop_size,
                pool_size=message.maxpool_kernel_size or 1,
                pool_stride=message.maxpool_stride or 1,
            )
        except ValueError as error:
            raise ConfigError(str(error), "second_stage_box_predictor") from error


def _refuse_written_zeros(message):
    """Crops and pools of 0; a field that is not set may mean something else."""
    for name in ("initial_crop_size", "maxpool_kernel_size", "maxpool_stride"):
        if message.HasField(name) and getattr(message, name) < 1:
            raise ConfigError("is 0; it must be at least 1", name)
