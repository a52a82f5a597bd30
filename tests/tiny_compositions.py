"""Detectors of other shapes than SSD and Faster R-CNN, small enough for a test.

Each stands for a composition: what it is made of, no other test trains together.
"""

import tiny
import tiny_two_stage

from od_api.config.loading import load_config

# 128 px: maps of 16, 8 and 4 cells.
_DENSE = """
model {
  ssd {
    num_classes: 5
    add_background_class: false
    image_resizer { fixed_shape_resizer { height: 128 width: 128 } }
    feature_extractor {
      backbone {
        mobilenet_v1 {
          depth_multiplier: 0.25
          conv_hyperparams { batch_norm { decay: 0.9 } }
        }
      }
      neck { fpn { min_level: 3 max_level: 5 depth: 32 } }
    }
    PARTS
    post_processing {
      score_converter: SIGMOID
      batch_non_max_suppression {
        score_threshold: 0.01
        iou_threshold: 0.6
        max_detections_per_class: 20
        max_total_detections: 20
      }
      FACTORS
    }
  }
}
"""
_FCOS = """
    anchor_generator { point_generator { min_level: 3 max_level: 5 } }
    box_coder { ltrb_box_coder { exponential: true by_stride: true } }
    box_predictor {
      fcos_box_predictor {
        depth: 32
        num_layers_before_predictor: 2
        conv_hyperparams {
          initializer { variance_scaling_initializer {} }
          group_norm {}
        }
      }
    }
    columns { centerness {} }
    objective {
      matched {
        matcher { fcos_assigner { range_limits: [32, 64] } }
        classification_loss { weighted_sigmoid_focal { alpha: 0.25 gamma: 2 } }
        localization_loss { weighted_giou {} }
      }
    }
"""
_FREE_ANCHOR = """
    anchor_generator {
      multiscale_anchor_generator {
        min_level: 3
        max_level: 5
        anchor_scale: 3
        aspect_ratios: [1.0]
        scales_per_octave: 2
      }
    }
    box_coder { faster_rcnn_box_coder {} }
    box_predictor {
      weight_shared_convolutional_box_predictor {
        depth: 32
        num_layers_before_predictor: 1
        class_prediction_bias_init: -4.6
        conv_hyperparams {
          initializer { variance_scaling_initializer {} }
          batch_norm { scale: true decay: 0.9 }
        }
      }
    }
    objective { free_anchor { bag_size: 10 } }
"""
_CASCADE_RPN = """
    first_stages {
      box_predictor { cascade_rpn_predictor { depth: 32 predict_classes: false } }
      box_coder {
        faster_rcnn_box_coder { y_scale: 10 x_scale: 10 height_scale: 2 width_scale: 2 }
      }
      objective {
        matched {
          matcher { region_assigner { anchor_scale: 4 } }
          localization_loss { weighted_iou {} }
          classification_weight: 0
        }
      }
    }
    first_stages {
      box_predictor { cascade_rpn_predictor { depth: 32 adaptive: true } }
      objective { matched { localization_loss { weighted_iou {} } } }
    }
    region_operator { precise_roi_pool { level_rule { level_by_stride {} } } }
    region_levels: ["P2", "P3", "P4", "P5"]
"""
_LIBRA = """
    second_stage_objective {
      matched {
        matcher { argmax_matcher {} }
        samplers { iou_balanced_sampler { batch_size: 16 positive_fraction: 0.5 } }
        classification_loss { weighted_softmax {} }
        localization_loss { balanced_l1 {} }
        localization_weight: 2
        reduction: SAMPLED
      }
    }
"""
# 128 px: one stack with maps of 32 cells; benchmarks/keypoint_proofs.py has two.
_CORNERS = """
model {
  keypoints {
    num_classes: 5
    image_resizer { fixed_shape_resizer { height: 128 width: 128 } }
    backbone {
      hourglass {
        num_stacks: 1
        depths: [32, 32, 48]
        blocks: [1, 1, 1]
        stem_depth: 16
        conv_hyperparams { batch_norm { decay: 0.9 } }
      }
    }
    head { corner_head { depth: 32 pooling_depth: 32 } }
    objective { corner_objective {} }
    grouping { corner_grouping { top_k: 20 max_boxes: 100 } }
    post_processing {
      suppression { soft_nms {} }
      batch_non_max_suppression {
        score_threshold: 0.01
        max_detections_per_class: 20
        max_total_detections: 20
      }
    }
  }
}
"""


def _dense(parts, factors=""):
    return _DENSE.replace("PARTS", parts).replace("FACTORS", factors)


MODELS = {
    "cascade": tiny_two_stage.MODELS["cascade_rcnn"],
    "cascade_rpn": tiny_two_stage.MODELS["faster_rcnn_fpn"].replace(
        "    first_stage_minibatch_size: 64\n",
        "    first_stage_minibatch_size: 64\n" + _CASCADE_RPN,
    ),
    "corners": _CORNERS,
    "fcos": _dense(_FCOS, 'score_factors: "centerness"'),
    "free_anchor": _dense(_FREE_ANCHOR),
    "libra": tiny_two_stage.MODELS["faster_rcnn_fpn"].replace(
        "    second_stage_batch_size: 16\n", _LIBRA
    ),
}


def write_config(folder, data, model):
    """Writes the tiny config with another model, one of MODELS; returns its path."""
    text = tiny.CONFIG[tiny.CONFIG.index("train_config") :]
    path = folder / f"{model}.config"
    path.write_text(MODELS[model] + text.replace("DATA", str(data)))
    return path


def config_for(folder, data, model, *overrides):
    """The config of `write_config`, loaded, with overrides."""
    return load_config(write_config(folder, data, model), overrides)
