"""Compiles protos/*.proto into od_api/protos/ whenever the package is built, and puts
configs/ and the schema's files into it.

Everything else about the package is in pyproject.toml.
"""

import pathlib
import shutil
import sys

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = pathlib.Path(__file__).parent


def compile_protos():
    """Writes one `_pb2.py` beside od_api/protos/__init__.py for each schema file."""
    from grpc_tools import protoc

    sources = sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("protos/*.proto"))
    arguments = ["protoc", "-Iod_api/protos=protos", "--python_out=.", *sources]
    if protoc.main(arguments) != 0:
        sys.exit("protoc failed on " + " ".join(sources))


class BuildWhole(build_py):
    """Builds the package with its protocol buffers, editable installs included.

    A package that is not an editable one gets the configs, too, and the schema's files,
    whose comments `od-api config reference` shows.
    """

    def run(self):
        compile_protos()
        super().run()
        if not self.editable_mode:
            configs = pathlib.Path(self.build_lib) / "od_api" / "configs"
            shutil.rmtree(configs, ignore_errors=True)
            shutil.copytree(ROOT / "configs", configs)
            for file in ROOT.glob("protos/*.proto"):
                shutil.copy(file, pathlib.Path(self.build_lib) / "od_api" / "protos")


setup(cmdclass={"build_py": BuildWhole})
