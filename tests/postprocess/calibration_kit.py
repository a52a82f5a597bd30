"""Calibrators through the config, as all of their tests take them."""

import numpy as np
from google.protobuf import text_format

from od_api.core.registry import build
from od_api.protos import post_processing_pb2


def convert(calibrator, values, converter="IDENTITY", **context):
    text = f"score_converter: {converter} calibration_config {{ {calibrator} }}"
    message = text_format.Parse(text, post_processing_pb2.PostProcessing())
    found = build(message, **context).convert(np.float32(values)[None, None])
    return found.numpy()[0, 0]
