"""The loss fields of an Ssd message, as the objective that they mean."""

from od_api.core.errors import ConfigError, MissingPart
from od_api.protos import objective_pb2

# Fields of Ssd that `objective` takes the place of.
REPLACED = (
    "matcher",
    "similarity_calculator",
    "loss",
    "encode_background_as_zeros",
    "negative_class_weight",
    "normalize_loss_by_num_matches",
    "normalize_loc_loss_by_codesize",
)

# Where users find what stands in the message below.
PLACES = {
    "matched.matcher": "matcher",
    "matched.similarity_calculator": "similarity_calculator",
    "matched.classification_loss": "loss.classification_loss",
    "matched.localization_loss": "loss.localization_loss",
    "matched.classification_weight": "loss.classification_weight",
    "matched.localization_weight": "loss.localization_weight",
    "matched.negative_class_weight": "negative_class_weight",
}
_NEEDED = (
    ("", "matcher"),
    ("", "similarity_calculator"),
    ("loss.", "classification_loss"),
    ("loss.", "localization_loss"),
)
_SAMPLERS = ("random_example_sampler", "hard_example_miner")


def ssd_objective(message):
    """The objective that the old fields of an Ssd message mean.

    Returns:
      (Objective, {place in it: place in the Ssd message}).

    Raises:
      ConfigError: a field that is needed is not set, unless there is an `objective`
        above it; or its mechanism does not exist.
    """
    loss = message.loss
    _refuse_unsupported(loss)
    matched = objective_pb2.MatchedObjective(
        classification_weight=loss.classification_weight,
        localization_weight=loss.localization_weight,
        negative_class_weight=message.negative_class_weight,
        encode_background_as_zeros=message.encode_background_as_zeros,
        reduction="MATCHES" if message.normalize_loss_by_num_matches else "NOTHING",
        divide_by_code_size=message.normalize_loc_loss_by_codesize,
        ignore_weightless=False,
    )
    needed = not message.HasField("objective")
    if needed and not message.HasField("loss"):
        raise ConfigError("is not set in Ssd, and it is needed", "loss")
    for holder, field in _NEEDED:
        given = loss if holder else message
        if given.HasField(field):
            getattr(matched, field).CopyFrom(getattr(given, field))
        elif needed:
            name = given.DESCRIPTOR.name
            problem = f"is not set in {name}, and it is needed"
            raise ConfigError(problem, holder + field)
    places = dict(PLACES)
    for name in _SAMPLERS:
        if loss.HasField(name):
            place = f"matched.samplers[{len(matched.samplers)}].{name}"
            places[place] = f"loss.{name}"
            getattr(matched.samplers.add(), name).CopyFrom(getattr(loss, name))
    return objective_pb2.Objective(matched=matched), places


def _refuse_unsupported(loss):
    if loss.expected_loss_weights:
        raise MissingPart(
            "od_api does not offer expected loss weights", "loss.expected_loss_weights"
        )
    if loss.equalization_loss.weight:
        raise MissingPart(
            "od_api does not offer the equalization loss", "loss.equalization_loss"
        )
