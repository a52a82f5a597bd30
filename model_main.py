"""Trains, and evaluates on the way; or, with --checkpoint_dir, only evaluates.

The flags are those of the TensorFlow Object Detection API's model_main_tf2.py.

    python model_main.py --pipeline_config_path=pipeline.config --model_dir=run
"""

import sys

from absl import app, flags

from od_api import cli, load_config

FLAGS = flags.FLAGS
flags.DEFINE_string("pipeline_config_path", None, "The pipeline config.")
flags.DEFINE_string("model_dir", None, "Where checkpoints, logs and reports go.")
flags.DEFINE_integer("num_train_steps", None, "Steps, instead of the config's.")
flags.DEFINE_string("checkpoint_dir", None, "Evaluate what appears here; no training.")
flags.DEFINE_integer("eval_timeout", 3600, "Seconds to wait for a new checkpoint.")
flags.DEFINE_integer("sample_1_of_n_eval_examples", None, "Evaluate every n-th record.")
flags.DEFINE_bool("eval_on_train_data", False, "Evaluate on the training records.")
flags.DEFINE_integer("sample_1_of_n_eval_on_train_examples", 5, "Every n-th of those.")
flags.DEFINE_bool("use_tpu", False, "Train on a TPU.")
flags.DEFINE_string("tpu_name", None, "The TPU's name.")
flags.DEFINE_integer("num_workers", 1, "Machines that train in step.")
flags.DEFINE_integer("checkpoint_every_n", None, "Steps between two checkpoints.")
flags.DEFINE_bool("record_summaries", True, "Write TensorBoard summaries.")
flags.DEFINE_multi_string("set", [], "Override a field: train_config.batch_size=8.")
flags.DEFINE_bool("evaluate", True, "Evaluate while training.")
flags.DEFINE_bool("debug", False, "Show tracebacks of bad input.")
flags.mark_flags_as_required(["pipeline_config_path", "model_dir"])


def main(_):
    """Runs what the flags ask for; the status is 2 for bad input."""
    with cli.reporting(FLAGS.pipeline_config_path, FLAGS.debug) as outcome:
        _run()
    sys.exit(outcome.status)


def _run():
    from od_api.follow import follow
    from od_api.train import train_as_task

    config = load_config(FLAGS.pipeline_config_path, _overrides())
    if FLAGS.eval_on_train_data:
        del config.eval_input_reader[:]
        config.eval_input_reader.add().CopyFrom(config.train_input_reader)
        every_nth = FLAGS.sample_1_of_n_eval_on_train_examples
        config.eval_input_reader[0].sample_1_of_n_examples = every_nth
    if FLAGS.checkpoint_dir:
        follow(
            config,
            FLAGS.checkpoint_dir,
            output_dir=FLAGS.model_dir,
            timeout=FLAGS.eval_timeout,
        )
        return
    train_as_task(
        config,
        FLAGS.model_dir,
        use_tpu=FLAGS.use_tpu,
        tpu_name=FLAGS.tpu_name,
        num_workers=FLAGS.num_workers,
        eval_timeout=FLAGS.eval_timeout,
        evaluate_on_the_way=FLAGS.evaluate,
        record_summaries=FLAGS.record_summaries,
    )


def _overrides():
    overrides = list(FLAGS.set)
    if FLAGS.num_train_steps is not None:
        # In the config, because an evaluator needs it too, to know the last checkpoint.
        overrides.append(f"train_config.num_steps={FLAGS.num_train_steps}")
    if FLAGS.checkpoint_every_n:
        steps = FLAGS.checkpoint_every_n
        overrides.append(f"train_config.checkpoint_every_n_steps={steps}")
    if FLAGS.sample_1_of_n_eval_examples:
        n = FLAGS.sample_1_of_n_eval_examples
        overrides.append(f"eval_input_reader[0].sample_1_of_n_examples={n}")
    return overrides


if __name__ == "__main__":
    app.run(main, flags_parser=cli.parse_flags)
