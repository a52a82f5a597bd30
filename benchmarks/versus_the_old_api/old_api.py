"""What every measurement needs before it can use the old API.

To be imported by the old side only, and before `object_detection`.
"""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).parents[2] / "tests" / "golden"))

import absent_packages

absent_packages.replace()


def load_config(path):
    """TrainEvalPipelineConfig of the old schema."""
    from google.protobuf import text_format
    from object_detection.protos import pipeline_pb2

    with open(path) as file:
        return text_format.Parse(file.read(), pipeline_pb2.TrainEvalPipelineConfig())


def parse(text, message):
    from google.protobuf import text_format

    return text_format.Parse(text, message)
