"""Two-stage detectors small enough to train inside a test, on the data of `tiny`."""

import tiny

from od_api.config.loading import load_config

_SHARED = """
model {{
  faster_rcnn {{
    num_classes: 5
    number_of_stages: {stages}
    image_resizer {{ fixed_shape_resizer {{ height: 128 width: 128 }} }}
    feature_extractor {{
      batch_norm_trainable: true
      {extractor}
    }}
    {anchors}
    first_stage_box_predictor_conv_hyperparams {{
      initializer {{ truncated_normal_initializer {{ stddev: 0.01 }} }}
    }}
    first_stage_box_predictor_depth: 64
    first_stage_minibatch_size: 64
    first_stage_max_proposals: 32
    second_stage_batch_size: 16
    add_ground_truth_to_proposals: true
    initial_crop_size: 14
    maxpool_kernel_size: 2
    maxpool_stride: 2
    second_stage_box_predictor {{ {predictor} }}
    second_stage_post_processing {{
      batch_non_max_suppression {{
        score_threshold: 0.01
        iou_threshold: 0.6
        max_detections_per_class: 20
        max_total_detections: 20
      }}
      score_converter: SOFTMAX
    }}
  }}
}}
"""

_MOBILENET = """
      backbone {
        mobilenet_v1 {
          depth_multiplier: 0.25
          conv_hyperparams { batch_norm { decay: 0.9 } }
        }
      }
"""
_ATROUS_MOBILENET = _MOBILENET.replace(
    "depth_multiplier: 0.25", "depth_multiplier: 0.25 output_stride: 16"
)
_GRID = """
    first_stage_anchor_generator {
      grid_anchor_generator {
        scales: [0.1, 0.2, 0.4]
        aspect_ratios: [1.0]
        height_stride: 16
        width_stride: 16
      }
    }
"""
_PYRAMID = """
      backbone {
        mobilenet_v1 {
          depth_multiplier: 0.25
          conv_hyperparams { batch_norm { decay: 0.9 } }
        }
      }
      neck { fpn { min_level: 2 max_level: 6 depth: 32 } }
"""
_PYRAMID_ANCHORS = """
    first_stage_anchor_generator {
      multiscale_anchor_generator {
        min_level: 2
        max_level: 6
        anchor_scale: 4
        aspect_ratios: [1.0]
        scales_per_octave: 1
      }
    }
"""
_BOXES = """mask_rcnn_box_predictor {
        fc_hyperparams {
          initializer { variance_scaling_initializer { factor: 1.0 uniform: true } }
        }
      }"""
_MASKS = """mask_rcnn_box_predictor {
        fc_hyperparams {}
        predict_instance_masks: true
        mask_prediction_conv_depth: 16
        conv_hyperparams {
          initializer { variance_scaling_initializer {} }
        }
      }"""
_ONE_BOX = _BOXES.replace("{", "{ share_box_across_classes: true", 1)
# The stages of Cascade R-CNN (Cai and Vasconcelos, CVPR 2018).
CASCADE = """
  region_stages {
    loss_weight: 1
    box_coder {
      faster_rcnn_box_coder { y_scale: 10 x_scale: 10 height_scale: 5 width_scale: 5 }
    }
  }
  region_stages {
    loss_weight: 0.5
    box_coder {
      faster_rcnn_box_coder { y_scale: 20 x_scale: 20 height_scale: 10 width_scale: 10 }
    }
    objective { matched { matcher { argmax_matcher {
      matched_threshold: 0.6 unmatched_threshold: 0.6
    } } } }
  }
  region_stages {
    loss_weight: 0.25
    box_coder {
      faster_rcnn_box_coder { y_scale: 30 x_scale: 30 height_scale: 15 width_scale: 15 }
    }
    objective { matched { matcher { argmax_matcher {
      matched_threshold: 0.7 unmatched_threshold: 0.7
    } } } }
  }
"""
_SCORE_MAPS = """rfcn_box_predictor {
        depth: 64
        conv_hyperparams { initializer { variance_scaling_initializer {} } }
      }"""


def _model(
    *, stages=2, extractor=_MOBILENET, anchors=_GRID, predictor=_BOXES, further=""
):
    text = _SHARED.format(
        stages=stages, extractor=extractor, anchors=anchors, predictor=predictor
    )
    return text.replace("    num_classes: 5", f"    num_classes: 5{further}", 1)


MODELS = {
    "faster_rcnn": _model(),
    "faster_rcnn_fpn": _model(extractor=_PYRAMID, anchors=_PYRAMID_ANCHORS),
    "cascade_rcnn": _model(
        extractor=_PYRAMID,
        anchors=_PYRAMID_ANCHORS,
        predictor=_ONE_BOX,
        further=CASCADE,
    ),
    "mask_rcnn": _model(stages=3, predictor=_MASKS),
    "rfcn": _model(extractor=_ATROUS_MOBILENET, predictor=_SCORE_MAPS),
    "rpn": _model(stages=1),
}


def config_for(folder, data, model, *overrides):
    """The tiny config with another model, one of MODELS, loaded, with overrides."""
    text = tiny.CONFIG[tiny.CONFIG.index("train_config") :]
    path = folder / f"{model}.config"
    path.write_text(MODELS[model] + text.replace("DATA", str(data)))
    return load_config(path, overrides)
