"""Exports a trained detector as a SavedModel, with a directory for TensorFlow Serving.

The flags are those of the TensorFlow Object Detection API's exporter_main_v2.py.

    python export_saved_model.py --pipeline_config_path=pipeline.config \\
        --trained_checkpoint_dir=run --output_directory=exported
"""

import sys

from absl import app, flags

from od_api import cli, load_config
from od_api.config.loading import parse_message
from od_api.core.errors import UserError
from od_api.protos import pipeline_pb2

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "input_type",
    "image_tensor",
    "image_tensor, float_image_tensor, encoded_image_string_tensor or tf_example.",
)
flags.DEFINE_string("pipeline_config_path", None, "The pipeline config.")
flags.DEFINE_string("trained_checkpoint_dir", None, "Its newest checkpoint is taken.")
flags.DEFINE_string("output_directory", None, "Directory to create.")
flags.DEFINE_string("config_override", "", "Config text to merge; lists are appended.")
flags.DEFINE_string("model_name", "detector", "The name for TensorFlow Serving.")
flags.DEFINE_integer("model_version", 1, "The version for TensorFlow Serving.")
flags.DEFINE_bool("use_side_inputs", False, "Not available: see the message.")
flags.DEFINE_string("side_input_shapes", "", "Not available.")
flags.DEFINE_string("side_input_types", "", "Not available.")
flags.DEFINE_string("side_input_names", "", "Not available.")
flags.DEFINE_bool("debug", False, "Show tracebacks of bad input.")
flags.mark_flags_as_required(
    ["pipeline_config_path", "trained_checkpoint_dir", "output_directory"]
)


def main(_):
    """Exports as the flags say; the status is 2 for bad input."""
    sys.exit(cli.run(_run, FLAGS.pipeline_config_path, FLAGS.debug))


def _run():
    from od_api import export

    _refuse_side_inputs()
    export(
        _config(),
        FLAGS.trained_checkpoint_dir,
        FLAGS.output_directory,
        input_type=FLAGS.input_type,
        name=FLAGS.model_name,
        version=FLAGS.model_version,
    )


def _config():
    config = load_config(FLAGS.pipeline_config_path)
    override = pipeline_pb2.TrainEvalPipelineConfig()
    parse_message(FLAGS.config_override, override, "--config_override")
    config.MergeFrom(override)
    return config


def _refuse_side_inputs():
    flags_set = [
        f"--{name}"
        for name in (
            "use_side_inputs",
            "side_input_shapes",
            "side_input_types",
            "side_input_names",
        )
        if FLAGS[name].value
    ]
    if flags_set:
        raise UserError(
            f"{', '.join(flags_set)}: side inputs feed the memory bank of Context "
            "R-CNN, and this version has no detector that reads one; leave them out"
        )


if __name__ == "__main__":
    app.run(main, flags_parser=cli.parse_flags)
