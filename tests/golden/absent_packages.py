"""Packages that the old API imports and what we do with it does not need."""

import sys
from unittest import mock

_ABSENT = (
    "cv2",
    "tensorflow_io",
    "official",
    "official.modeling",
    "official.modeling.optimization",
    "official.legacy",
    "official.legacy.image_classification",
    "official.legacy.image_classification.efficientnet",
)


def replace():
    """Puts empty modules in their places; before `object_detection` is imported."""
    for name in _ABSENT:
        sys.modules[name] = mock.MagicMock()
