"""Every meta-architecture, at its smallest."""

import tiny
import tiny_compositions
import tiny_two_stage
import two_stage_kit
from google.protobuf import text_format

from od_api.core.registry import build_field
from od_api.protos import pipeline_pb2

SSD_FPN = """
  feature_extractor {
    type: "ssd_mobilenet_v1_fpn_keras"
    fpn { min_level: 3 max_level: 5 additional_layer_depth: 32 }
  }
  anchor_generator { multiscale_anchor_generator {
    min_level: 3 max_level: 5 aspect_ratios: [1.0] scales_per_octave: 1
  } }
  box_predictor { weight_shared_convolutional_box_predictor {
    depth: 32 num_layers_before_predictor: 1
    conv_hyperparams { initializer { truncated_normal_initializer { stddev: 0.03 } } }
  } }
"""
DETECTORS = ["ssd", "ssd_fpn", "corners", *tiny_two_stage.MODELS]


def make_detector(name, resizer="pad_to_multiple_resizer { multiple: 32 }", edit=""):
    """The tiny detector of that name, one of DETECTORS, with fields merged into it."""
    edit += f" image_resizer {{ {resizer} }}"
    if name in tiny_two_stage.MODELS:
        return two_stage_kit.detector(name, edit)
    config = pipeline_pb2.TrainEvalPipelineConfig()
    if name == "corners":
        text_format.Parse(tiny_compositions.MODELS[name], config)
        text_format.Merge(edit, config.model.keypoints)
        return build_field(config, "model")
    text_format.Parse(tiny.CONFIG[: tiny.CONFIG.index("train_config")], config)
    text_format.Merge(edit + (SSD_FPN if name == "ssd_fpn" else ""), config.model.ssd)
    return build_field(config, "model")
