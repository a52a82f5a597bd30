"""Exports a trained detector as a SavedModel, with a directory for TensorFlow Serving.

The flags are those of the TensorFlow Object Detection API's exporter_main_v2.py and
export_inference_graph.py (docs/migrating.md lists them all).

    python export_saved_model.py --pipeline_config_path=pipeline.config \\
        --trained_checkpoint_dir=run --output_directory=exported
"""

import sys

from absl import app, flags

from od_api import cli, load_config
from od_api.config.loading import parse_message
from od_api.protos import pipeline_pb2
from od_api.system.old_flags import define_refused, refuse_given

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "input_type",
    "image_tensor",
    "image_tensor, float_image_tensor, encoded_image_string_tensor, tf_example or "
    "image_and_boxes_tensor.",
)
flags.DEFINE_list("input_shape", None, "Shape of the images, -1 for any: 1,-1,-1,3.")
flags.DEFINE_string(
    "input_name", "input_tensor", "The signature's argument; inputs as TensorFlow 1."
)
flags.DEFINE_string("pipeline_config_path", None, "The pipeline config.")
flags.DEFINE_string("trained_checkpoint_dir", None, "Its newest checkpoint is taken.")
flags.DEFINE_string("trained_checkpoint_prefix", None, "Or this checkpoint.")
flags.DEFINE_string("output_directory", None, "Directory to create.")
flags.DEFINE_string("config_override", "", "Config text to merge; lists are appended.")
flags.DEFINE_string("model_name", "detector", "The name for TensorFlow Serving.")
flags.DEFINE_integer("model_version", 1, "The version for TensorFlow Serving.")
flags.DEFINE_bool("debug", False, "Show tracebacks of bad input.")
_SIDE_INPUTS = (
    "side inputs feed the memory bank of Context R-CNN, and this version has no "
    "detector that reads one: leave it out"
)
_LITERT = "od-api export --format litert writes the .tflite file"
_MOST = (
    f"{_LITERT}: set max_total_detections in the config's post_processing, here by "
    "--config_override, there by --set"
)
_CLASS_BY_CLASS = (
    f"{_LITERT}, whose suppression is class by class and exact, as the regular one: "
    "leave it out"
)
_CENTERNET = f"{_LITERT}, and not that of CenterNet: leave it out"
REFUSED = {
    **define_refused(
        flags.DEFINE_bool,
        use_side_inputs=_SIDE_INPUTS,
        write_inference_graph=(
            "the graph is in saved_model/, which od-api detect and TensorFlow Serving "
            "take: leave it out"
        ),
        ssd_use_regular_nms=_CLASS_BY_CLASS,
        centernet_include_keypoints=_CENTERNET,
        add_postprocessing_op=(
            f"{_LITERT}, with postprocessing inside or, with --form raw, without: "
            "leave it out"
        ),
        use_regular_nms=_CLASS_BY_CLASS,
    ),
    **define_refused(
        flags.DEFINE_string,
        side_input_shapes=_SIDE_INPUTS,
        side_input_types=_SIDE_INPUTS,
        side_input_names=_SIDE_INPUTS,
        additional_output_tensor_names=(
            "the outputs are those of docs/serving.md, which has all candidates as "
            "raw_detection_boxes and raw_detection_scores: leave it out"
        ),
        keypoint_label_map_path=_CENTERNET,
    ),
    **define_refused(
        flags.DEFINE_integer,
        max_detections=_MOST,
        ssd_max_detections=_MOST,
        max_classes_per_detection=_CLASS_BY_CLASS,
        detections_per_class=(
            f"{_LITERT}: set max_detections_per_class in the config's post_processing"
        ),
    ),
}
flags.mark_flags_as_required(["pipeline_config_path", "output_directory"])
flags.mark_flags_as_mutual_exclusive(
    ["trained_checkpoint_dir", "trained_checkpoint_prefix"], required=True
)


def main(_):
    """Exports as the flags say; the status is 2 for bad input."""
    sys.exit(cli.run(_run, FLAGS.pipeline_config_path, FLAGS.debug))


def _run():
    from od_api import export

    refuse_given(FLAGS, REFUSED)
    export(
        _config(),
        FLAGS.trained_checkpoint_dir or FLAGS.trained_checkpoint_prefix,
        FLAGS.output_directory,
        input_type=FLAGS.input_type,
        input_shape=FLAGS.input_shape,
        input_name=FLAGS.input_name,
        name=FLAGS.model_name,
        version=FLAGS.model_version,
    )


def _config():
    config = load_config(FLAGS.pipeline_config_path)
    override = pipeline_pb2.TrainEvalPipelineConfig()
    parse_message(FLAGS.config_override, override, "--config_override")
    config.MergeFrom(override)
    return config


if __name__ == "__main__":
    app.run(main, flags_parser=cli.parse_flags)
