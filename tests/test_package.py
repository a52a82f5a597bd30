"""The package imports, and every schema file compiled."""

import pathlib

from od_api.core import registry

ROOT = pathlib.Path(__file__).parent.parent


def test_every_proto_has_its_module():
    names = {p.stem for p in (ROOT / "protos").glob("*.proto")}
    modules = {p.stem for p in (ROOT / "od_api" / "protos").glob("*_pb2.py")}
    assert names and {f"{n}_pb2" for n in names} == modules


def test_all_families_import():
    assert isinstance(registry.registered(), dict)
