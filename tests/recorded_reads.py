"""Which fields of messages a run reads, found by watching it."""

import collections
import contextlib
import sys

# These look at every field, or at one that has no effect only to say so.
_ONLY_CHECKS = {
    ("od_api.config.compatibility", None),
    ("od_api.config.meaningless_settings", None),
    ("od_api.core.field_ranges", None),
    ("od_api.core.registry", "_log_ignored"),
}


@contextlib.contextmanager
def recorded_reads(*messages):
    """{message name: fields that are read} within the block, without mere checks.

    A field is read as `message.field`, by `HasField("field")`, or where `WhichOneof`
    answers with it. What goes through all fields that are set, whatever they are
    (`ListFields`), reads none.

    Args:
      messages: generated message classes.
    """
    reads = collections.defaultdict(set)
    for message in messages:
        _watch(message, reads[message.DESCRIPTOR.name])
    try:
        yield reads
    finally:
        for message in messages:
            del message.__getattribute__


def _watch(message, seen):
    fields, plain = message.DESCRIPTOR.fields_by_name, message.__getattribute__

    def has_field(ask, name):
        seen.add(name)
        return ask(name)

    def which_oneof(ask, name):
        member = ask(name)
        seen.update({member} - {None})
        return member

    asked = {"HasField": has_field, "WhichOneof": which_oneof}

    def get(self, name):
        value = plain(self, name)
        if (name in fields or name in asked) and not _is_check(sys._getframe(1)):
            if name in asked:
                return lambda field: asked[name](value, field)
            seen.add(name)
        return value

    message.__getattribute__ = get


def _is_check(frame):
    module, function = frame.f_globals.get("__name__"), frame.f_code.co_name
    return not _ONLY_CHECKS.isdisjoint({(module, None), (module, function)})
