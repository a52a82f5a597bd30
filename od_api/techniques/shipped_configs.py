"""The configs of the repository: which parts each has, and of which system it is."""

import re
from typing import NamedTuple

from absl import logging

from od_api.config.loading import load_config, parse_message
from od_api.core.message_fields import set_values
from od_api.old_api.typed_extractors import stands_for
from od_api.protos import pipeline_pb2
from od_api.system import shipped
from od_api.system.files import decode_text, read_bytes
from od_api.techniques.docstring_sources import source_in

_SYSTEM = re.compile(r"# system: (.+)")


class ShippedConfig(NamedTuple):
    """One config.

    Attributes:
      path: in the repository, with "/".
      messages: full names of the messages that are set, those of its base included.
      own: those that stand in its own lines.
      is_technique: a difference to its base, in configs/techniques.
      title: the first sentence or sentences of its header.
      systems: names in the header, `# system: T73`.
    """

    path: str
    messages: set
    own: set
    is_technique: bool
    title: str
    systems: list

    @property
    def source(self):
        """The publication that the header names."""
        return source_in(self.title)

    def rank(self, message):
        """The lower, the better an example of a message: a technique's own lines."""
        if self.is_technique:
            return 0 if message in self.own else 2
        return 1


def shipped_configs(folder=None):
    """The ShippedConfigs below a folder (default: all), by path; none without it."""
    folder = folder or shipped.folder()
    if not folder.is_dir():
        logging.warning("no configs are named: %s is not there", folder)
    return [_read(path, folder) for path in sorted(folder.rglob("*.config"))]


def messages_in(message):
    """Full names of a message and of all that are set in it.

    An extractor's `type` counts as the parts that it stands for.
    """
    for found in _set_messages(message):
        yield found.DESCRIPTOR.full_name
        for part in stands_for(found):
            yield from (inner.DESCRIPTOR.full_name for inner in _set_messages(part))


def _set_messages(message):
    """A message and all that are set in it."""
    yield message
    for _, field, value in set_values(message):
        if field.message_type is not None:
            yield from _set_messages(value)


def _read(path, folder):
    text = decode_text(read_bytes(path, "config"), path)
    own = pipeline_pb2.TrainEvalPipelineConfig()
    parse_message(text, own, str(path))
    header = _header(text)
    titles = [line for line in header if not _SYSTEM.match(line)]
    return ShippedConfig(
        path=f"{folder.name}/{path.relative_to(folder).as_posix()}",
        messages=set(messages_in(load_config(path))),
        own={message.DESCRIPTOR.full_name for message in _set_messages(own)},
        is_technique=path.parent.name == "techniques",
        title=" ".join(line.lstrip("# ") for line in titles),
        systems=[m[1].strip() for line in header if (m := _SYSTEM.match(line))],
    )


def _header(text):
    """The comment lines that a text begins with."""
    lines = text.splitlines()
    comments = [line.startswith("#") for line in lines]
    return lines[: comments.index(False)] if False in comments else lines
