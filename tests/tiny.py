"""A data set and a detector small enough to train inside a test."""

from od_api.config.loading import load_config
from od_api.data.synthetic import synth

CONFIG = """
model {
  ssd {
    num_classes: 5
    image_resizer { fixed_shape_resizer { height: 96 width: 96 } }
    feature_extractor {
      type: "ssd_mobilenet_v1"
      depth_multiplier: 0.25
      num_layers: 4
      conv_hyperparams {
        activation: RELU_6
        initializer { truncated_normal_initializer { stddev: 0.03 } }
        batch_norm { scale: true decay: 0.9 epsilon: 0.001 }
      }
      override_base_feature_extractor_hyperparams: true
    }
    anchor_generator {
      ssd_anchor_generator {
        num_layers: 4
        scales: [0.2, 0.4, 0.6, 0.8]
        aspect_ratios: [1.0]
        reduce_boxes_in_lowest_layer: false
      }
    }
    box_coder { faster_rcnn_box_coder {} }
    matcher {
      argmax_matcher {
        matched_threshold: 0.5
        unmatched_threshold: 0.5
        force_match_for_each_row: true
      }
    }
    similarity_calculator { iou_similarity {} }
    box_predictor {
      convolutional_box_predictor {
        use_dropout: false
        conv_hyperparams {
          initializer { truncated_normal_initializer { stddev: 0.03 } }
        }
      }
    }
    loss {
      classification_loss { weighted_sigmoid {} }
      localization_loss { weighted_smooth_l1 {} }
      hard_example_miner {
        num_hard_examples: 3000
        iou_threshold: 1.0
        loss_type: CLASSIFICATION
        max_negatives_per_positive: 3
        min_negatives_per_image: 3
      }
    }
    post_processing {
      score_converter: SIGMOID
      batch_non_max_suppression {
        score_threshold: 0.01
        iou_threshold: 0.5
        max_detections_per_class: 20
        max_total_detections: 20
      }
    }
  }
}
train_config {
  batch_size: 4
  num_steps: 4
  checkpoint_every_n_steps: 2
  log_every_n_steps: 2
  optimizer {
    momentum_optimizer {
      learning_rate { constant_learning_rate { learning_rate: 0.02 } }
    }
    use_moving_average: false
  }
}
train_input_reader {
  label_map_path: "DATA/label_map.pbtxt"
  tf_record_input_reader { input_path: "DATA/scenes.record-*" }
}
eval_config { batch_size: 4 num_visualizations: 2 }
eval_input_reader {
  label_map_path: "DATA/label_map.pbtxt"
  tf_record_input_reader { input_path: "DATA/scenes.record-*" }
}
"""


def make_data(folder, num_images=8, include_masks=False):
    """Synthetic scenes as TFRecords with their label map; returns the folder."""
    data = folder / "data"
    synth.generate_records(
        data,
        num_images=num_images,
        seed=7,
        image_size=(128, 128),
        include_masks=include_masks,
    )
    return data


def write_config(folder, data, old="", new=""):
    """Writes the tiny config for `data`, one text replaced; returns its path."""
    text = CONFIG.replace("DATA", str(data))
    assert old in text
    path = folder / "pipeline.config"
    path.write_text(text.replace(old, new) if old else text)
    return path


def config_for(folder, data, *overrides):
    """The tiny config for `data`, loaded, with overrides."""
    return load_config(write_config(folder, data), overrides)
