"""Object detection from a pipeline.config, on TensorFlow and Keras 3."""

import importlib

_EXPORTS = {
    "load_config": "od_api.core.config",
    "build": "od_api.core.registry",
    "train": "od_api.train",
    "evaluate": "od_api.evaluate",
    "export": "od_api.export",
}


def __getattr__(name):
    # Imported on first use, so that reading a config does not wait for TensorFlow.
    if name not in _EXPORTS:
        raise AttributeError(f"module 'od_api' has no attribute {name!r}")
    return getattr(importlib.import_module(_EXPORTS[name]), name)
