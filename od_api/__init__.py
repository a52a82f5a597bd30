"""Object detection from a pipeline.config, on TensorFlow and Keras 3."""

import importlib
import sys
import types
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from od_api.config.loading import load_config as load_config
    from od_api.core.registry import build as build
    from od_api.evaluate import evaluate as evaluate
    from od_api.export import export as export
    from od_api.inference.found_objects import Detections as Detections
    from od_api.inference.loaded_detector import LoadedDetector as LoadedDetector
    from od_api.load import load as load
    from od_api.train import train as train

_EXPORTS = {
    "load_config": "od_api.config.loading",
    "build": "od_api.core.registry",
    "train": "od_api.train",
    "evaluate": "od_api.evaluate",
    "export": "od_api.export",
    "load": "od_api.load",
    "LoadedDetector": "od_api.inference.loaded_detector",
    "Detections": "od_api.inference.found_objects",
}


class _Package(types.ModuleType):
    """Keeps `od_api.train` the function although a module has that name, too.

    Importing a submodule sets an attribute of its package; for the verbs it must not.
    """

    def __setattr__(self, name, value):
        if name not in _EXPORTS or not isinstance(value, types.ModuleType):
            super().__setattr__(name, value)


def __getattr__(name):
    # Imported on first use, so that reading a config does not wait for TensorFlow.
    if name not in _EXPORTS:
        raise AttributeError(f"module 'od_api' has no attribute {name!r}")
    return getattr(importlib.import_module(_EXPORTS[name]), name)


def __dir__():
    return sorted([*_EXPORTS, *(n for n in globals() if n.startswith("__"))])


sys.modules[__name__].__class__ = _Package
