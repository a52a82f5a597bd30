"""Trains, and evaluates on the way; or, with --checkpoint_dir, only evaluates.

The flags are those of the TensorFlow Object Detection API's model_main_tf2.py,
model_main.py and model_tpu_main.py (docs/migrating.md lists them all).

    python model_main.py --pipeline_config_path=pipeline.config --model_dir=run
"""

import sys

from absl import app, flags

from od_api import cli, load_config
from od_api.core.errors import UserError
from od_api.system.old_flags import define_refused, refuse_given

FLAGS = flags.FLAGS
flags.DEFINE_string("pipeline_config_path", None, "The pipeline config.")
flags.DEFINE_string("model_dir", None, "Where checkpoints, logs and reports go.")
flags.DEFINE_integer("num_train_steps", None, "Steps, instead of the config's.")
flags.DEFINE_string("checkpoint_dir", None, "Evaluate what appears here; no training.")
flags.DEFINE_enum("mode", None, ["train", "eval"], "Only train, or only evaluate.")
flags.DEFINE_bool("run_once", False, "Evaluate the newest checkpoint, and end.")
flags.DEFINE_integer("eval_timeout", 3600, "Seconds to wait for a new checkpoint.")
flags.DEFINE_integer("sample_1_of_n_eval_examples", None, "Evaluate every n-th record.")
flags.DEFINE_bool("eval_on_train_data", False, "Evaluate on the training records.")
flags.DEFINE_alias("eval_training_data", "eval_on_train_data")
flags.DEFINE_integer("sample_1_of_n_eval_on_train_examples", 5, "Every n-th of those.")
flags.DEFINE_integer("train_batch_size", None, "Batch size, instead of the config's.")
flags.DEFINE_bool("use_tpu", False, "Train on a TPU.")
flags.DEFINE_string("tpu_name", None, "The TPU's name.")
flags.DEFINE_string("tpu_zone", None, "Its zone in Google Cloud.")
flags.DEFINE_string("gcp_project", None, "Its project in Google Cloud.")
flags.DEFINE_integer("num_workers", 1, "Machines that train in step.")
flags.DEFINE_integer("checkpoint_every_n", None, "Steps between two checkpoints.")
flags.DEFINE_bool("record_summaries", True, "Write TensorBoard summaries.")
flags.DEFINE_multi_string("set", [], "Override a field: train_config.batch_size=8.")
flags.DEFINE_bool("evaluate", True, "Evaluate while training.")
flags.DEFINE_bool("debug", False, "Show tracebacks of bad input.")
REFUSED = define_refused(
    flags.DEFINE_integer,
    num_shards="every core of the TPU takes part: leave it out",
    iterations_per_loop="there is no loop on the TPU whose length counts: leave it out",
    max_eval_retries=(
        "an evaluation that fails says why, and ends: leave it out, and start the "
        "command again"
    ),
)
flags.mark_flags_as_required(["pipeline_config_path", "model_dir"])


def main(_):
    """Runs what the flags ask for; the status is 2 for bad input."""
    with cli.reporting(FLAGS.pipeline_config_path, FLAGS.debug) as outcome:
        refuse_given(FLAGS, REFUSED, max_eval_retries=0)
        config = load_config(FLAGS.pipeline_config_path, _overrides())
        _set_evaluation_records(config)
        followed = _followed()
        if followed:
            _evaluate(config, followed)
        else:
            _train(config)
    sys.exit(outcome.status)


def _followed():
    """The directory whose checkpoints are evaluated, or None to train."""
    if FLAGS.mode == "train" and FLAGS.checkpoint_dir:
        raise UserError(
            "--mode=train trains, and --checkpoint_dir asks for evaluation alone: "
            "leave one of them out"
        )
    followed = FLAGS.checkpoint_dir
    if FLAGS.mode == "eval":
        followed = followed or FLAGS.model_dir
    if FLAGS.run_once and not followed:
        raise UserError(
            "--run_once evaluates one checkpoint: say where it is, by --checkpoint_dir"
        )
    return followed


def _evaluate(config, checkpoint_dir):
    from od_api import evaluate
    from od_api.follow import follow

    if FLAGS.run_once:
        evaluate(config, checkpoint_dir, output_dir=FLAGS.model_dir)
        return
    follow(
        config,
        checkpoint_dir,
        output_dir=FLAGS.model_dir,
        timeout=FLAGS.eval_timeout,
    )


def _train(config):
    from od_api.train import train_as_task

    train_as_task(
        config,
        FLAGS.model_dir,
        use_tpu=FLAGS.use_tpu,
        tpu_name=FLAGS.tpu_name,
        tpu_zone=FLAGS.tpu_zone,
        gcp_project=FLAGS.gcp_project,
        num_workers=FLAGS.num_workers,
        eval_timeout=FLAGS.eval_timeout,
        evaluate_on_the_way=FLAGS.evaluate and FLAGS.mode != "train",
        record_summaries=FLAGS.record_summaries,
    )


def _set_evaluation_records(config):
    """Which records are evaluated: those of training, or every n-th of its own."""
    every_nth = FLAGS.sample_1_of_n_eval_examples
    if FLAGS.eval_on_train_data:
        del config.eval_input_reader[:]
        config.eval_input_reader.add().CopyFrom(config.train_input_reader)
        every_nth = FLAGS.sample_1_of_n_eval_on_train_examples
    if every_nth is not None:
        for reader in config.eval_input_reader:
            reader.sample_1_of_n_examples = every_nth


def _overrides():
    overrides = list(FLAGS.set)
    # In the config, because an evaluator needs them too, to know the last checkpoint.
    for flag, field in (
        ("num_train_steps", "num_steps"),
        ("train_batch_size", "batch_size"),
        ("checkpoint_every_n", "checkpoint_every_n_steps"),
    ):
        if FLAGS[flag].value is not None:
            overrides.append(f"train_config.{field}={FLAGS[flag].value}")
    return overrides


if __name__ == "__main__":
    app.run(main, flags_parser=cli.parse_flags)
