"""Where the schema has room for each message, and how a config sets it."""

import re
from typing import NamedTuple

from od_api.core.registry import is_slot
from od_api.protos import pipeline_pb2


class Place(NamedTuple):
    """Where a message can be set.

    Attributes:
      fields: `Parent.field` of every field that holds it.
      text: how a config sets it, in the slot's field where it is a slot's member, e.g.
        `localization_loss { balanced_l1 {} }`.
    """

    fields: list
    text: str


def places():
    """{message full name: Place} of all messages that a pipeline config can hold."""
    holders = _holders()
    found = {}
    for name, fields in holders.items():
        # The shortest is the plainest: `matcher`, not `first_stage_matcher`.
        parent, field = min(fields, key=lambda pair: len(pair[1]))
        text = f"{field} {{}}"
        if is_slot(parent):
            # And one of the slot's own name is the plainest of all.
            own_name = re.sub(r"(?<!^)(?=[A-Z])", "_", parent.name).lower()
            _, lead = min(
                holders[parent.full_name],
                key=lambda pair: (pair[1] != own_name, len(pair[1])),
            )
            text = f"{lead} {{ {text} }}"
        found[name] = Place([f"{parent.name}.{own}" for parent, own in fields], text)
    return found


def _holders():
    """{message full name: [(descriptor, field name)] of what holds it}."""
    waiting, found = [pipeline_pb2.TrainEvalPipelineConfig.DESCRIPTOR], {}
    for parent in waiting:
        for field in parent.fields:
            child = _held(field)
            if child is None:
                continue
            if child.full_name not in found:
                waiting.append(child)
            found.setdefault(child.full_name, []).append((parent, field.name))
    return found


def _held(field):
    """The message in a field, or in its map; None of a field of numbers or text."""
    child = field.message_type
    if child is not None and child.GetOptions().map_entry:
        return child.fields_by_name["value"].message_type
    return child
