"""What every measurement needs before it can use the old API.

To be imported by the old side only, and before `object_detection`.
"""

import sys
from unittest import mock

# Imported by the old API for models, formats and drawings that are not measured here.
for _absent in (
    "cv2",
    "tensorflow_io",
    "official",
    "official.modeling",
    "official.modeling.optimization",
    "official.legacy",
    "official.legacy.image_classification",
    "official.legacy.image_classification.efficientnet",
):
    sys.modules[_absent] = mock.MagicMock()


def load_config(path):
    """TrainEvalPipelineConfig of the old schema."""
    from google.protobuf import text_format
    from object_detection.protos import pipeline_pb2

    with open(path) as file:
        return text_format.Parse(file.read(), pipeline_pb2.TrainEvalPipelineConfig())


def parse(text, message):
    from google.protobuf import text_format

    return text_format.Parse(text, message)
