"""What a measured number is of: a digest of a config and of the files of its parts."""

import hashlib
import pathlib
import re
import sys

from google.protobuf import text_format

from od_api.config.loading import load_config, parse_message
from od_api.core.registry import registered
from od_api.protos import pipeline_pb2
from od_api.system import shipped
from od_api.system.files import decode_text, read_bytes
from od_api.techniques.shipped_configs import messages_in

_PACKAGE = pathlib.Path(__file__).parent.parent
_START = re.compile(r"^(@|class |def )", re.MULTILINE)
# Compositions of parts, with no technique of their own.
_NO_PARTS = ("od_api.detectors.", "od_api.optim.", "od_api.resizers.")


def digest(path):
    """16 hexadecimal digits of a config with its base, and of `part_files`.

    It changes when a number of the config changes or the code of a part, and not when
    comments in the config, imports or another file do.
    """
    return _digest(load_config(path), part_files(path))


def digest_of_all(config):
    """16 hexadecimal digits of a message and of the files of all parts that it has."""
    modules = _part_modules()
    return _digest(config, _files(modules.get(n) for n in messages_in(config)))


def part_files(path):
    """Files below od_api of the parts that a config has in its own lines.

    Those that its base lacks; where there is none, it sets fields of the base's parts,
    and all of its own lines count.
    """
    own = pipeline_pb2.TrainEvalPipelineConfig()
    parse_message(decode_text(read_bytes(path, "config"), path), own, str(path))
    modules = _part_modules()
    mine = {
        modules[name]
        for name in messages_in(own)
        if name in modules and not modules[name].startswith(_NO_PARTS)
    }
    base = base_of(path)
    if base:
        theirs = {modules.get(name) for name in messages_in(load_config(base))}
        mine = mine - theirs or mine
    return _files(mine)


def _part_modules():
    """{name of a message: module of its part}."""
    return {name: part.__module__ for name, part in registered().items()}


def _files(modules):
    """Paths below od_api, in order."""
    return sorted(
        pathlib.Path(sys.modules[name].__file__).relative_to(_PACKAGE).as_posix()
        for name in set(modules) - {None}
    )


def _digest(config, files):
    made = hashlib.sha256(text_format.MessageToString(config).encode())
    for file in files:
        text = (_PACKAGE / file).read_text("utf-8")
        start = _START.search(text)
        made.update(text[start.start() if start else 0 :].encode())
    return made.hexdigest()[:16]


def base_of(path):
    """The file that a config's `base` names, or None."""
    own = pipeline_pb2.TrainEvalPipelineConfig()
    parse_message(decode_text(read_bytes(path, "config"), path), own, str(path))
    return pathlib.Path(path).parent / own.base if own.base else None


def technique_configs():
    """{name: path} of configs/techniques."""
    paths = sorted((shipped.folder() / "techniques").glob("*.config"))
    return {path.stem: path for path in paths}
