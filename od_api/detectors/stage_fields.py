"""Lists of stages in a FasterRcnn message: what each sets, and what it leaves."""

from od_api.core.errors import ConfigError
from od_api.core.registry import build_field
from od_api.detectors.objective_field import set_objective


class StageFields:
    """One stage of a list; what it does not set is as in the detector's own fields.

    Args:
      message: the detector's message.
      place: of the stage in it; empty where there is no list.
      stage: the stage's message; None where there is no list.
    """

    def __init__(self, message, place="", stage=None):
        self._message = message
        self._place = place
        self._stage = stage

    @property
    def loss_weight(self):
        """Of all the stage's losses."""
        return 1.0 if self._stage is None else self._stage.loss_weight

    def build(self, field, otherwise, **context):
        """The part in the stage's field or, where it is not set, `otherwise(...)`."""
        if not self._sets(field):
            return otherwise(**context)
        try:
            return build_field(self._stage, field, **context)
        except ConfigError as error:
            raise error.within(self._place) from error

    def objectives(self, field):
        """[(place, Objective or None)]: the detector's, and the stage's above it."""
        own = self._stage.objective if self._sets("objective") else None
        return [
            (field, set_objective(self._message, field)),
            (f"{self._place}.objective", own),
        ]

    def where(self, field, otherwise):
        """(place, message, field): where a setting of the stage stands."""
        if self._sets(field):
            return f"{self._place}.{field}", self._stage, field
        return otherwise, self._message, otherwise

    def _sets(self, field):
        return self._stage is not None and self._stage.HasField(field)


def listed_stages(message, field):
    """The StageFields of a repeated field; one that leaves everything if it is empty.

    Raises:
      ConfigError: a stage of the list sets nothing.
    """
    stages = getattr(message, field)
    for i, stage in enumerate(stages):
        if not stage.ListFields():
            names = ", ".join(f.name for f in stage.DESCRIPTOR.fields)
            raise ConfigError(f"is empty: set some of {names}", f"{field}[{i}]")
    listed = [
        StageFields(message, f"{field}[{i}]", stage) for i, stage in enumerate(stages)
    ]
    return listed or [StageFields(message)]


def refuse_falling_iou(message, stages):
    """Raises ConfigError where a region stage asks for less IoU than the one before.

    Each is trained on boxes that the one before has refined.
    """
    asked = [_matched_threshold(stage) for stage in stages]
    for i in range(1, len(asked)):
        before, now = asked[i - 1 : i + 1]
        if None not in (before, now) and now < before:
            raise ConfigError(
                f"asks for an IoU of {now:g}, and the stage before for {before:g}: "
                "each stage has to ask for as much as the one before, or more",
                f"region_stages[{i}].objective",
            )


def _matched_threshold(stage):
    assigner = getattr(stage.objective, "assigner", None)
    return getattr(assigner, "matched_threshold", None)
