"""What a train command says about its cluster."""

import pytest

from od_api.launch.train_command import TrainCommand

CONFIG = """
# https://example.com is a comment
model { ssd { num_classes: 3 } }
train_config { fine_tune_checkpoint: "%s" }
train_input_reader { label_map_path: "labels.pbtxt" }
"""
EVALUATES = 'eval_input_reader { label_map_path: "labels.pbtxt" }'


def command(tmp_path, *arguments, checkpoint="/data/ckpt-1", evaluates=True):
    config = tmp_path / "a pipeline.config"
    config.write_text(CONFIG % checkpoint + EVALUATES * evaluates)
    return TrainCommand(["od-api", "train", str(config), "run", *arguments])


@pytest.mark.parametrize(
    ("argument", "says"),
    [
        ("gs://bucket/run", "the command names gs://bucket/run"),
        ("--model_dir=s3://bucket/run", "the command names s3://bucket/run"),
        ("--set=a.b=hdfs://host/x", "the command names hdfs://host/x"),
        ("--use-tpu", "the command has --use-tpu"),
        ("--tpu_name=x", "the command has --tpu_name=x"),
    ],
)
def test_arguments_beyond_this_machine(tmp_path, argument, says):
    assert command(tmp_path, argument).beyond_this_machine() == says


def test_the_config_beyond_this_machine(tmp_path):
    said = command(tmp_path, checkpoint="gs://a/ckpt-1").beyond_this_machine()
    assert said == "the config names gs://a/ckpt-1"
    base = tmp_path / "a pipeline.config"
    diff = tmp_path / "diff.config"
    diff.write_text(f'base: "{base.name}" train_config {{ batch_size: 2 }}')
    by_flag = TrainCommand(["x", f"--pipeline_config_path={diff}"])
    assert by_flag.beyond_this_machine() == said


def test_all_on_this_machine(tmp_path):
    arguments = ["--no-evaluations", "file:///tmp/x", "--use_tpu=false", "a:b"]
    assert command(tmp_path, *arguments).beyond_this_machine() == ""
    assert TrainCommand(["sh", "-c", "true", str(tmp_path)]).beyond_this_machine() == ""


@pytest.mark.parametrize(
    "flag", ["--no-eval", "--no-ev", "--noevaluate", "--evaluate=false"]
)
def test_a_command_that_does_not_evaluate(tmp_path, flag):
    assert command(tmp_path, flag).why_no_evaluator() == f"the command has {flag}"


def test_a_config_without_evaluation(tmp_path):
    says = "the config has no eval_input_reader"
    assert command(tmp_path, evaluates=False).why_no_evaluator() == says
    trained_on = command(tmp_path, "--eval_on_train_data", evaluates=False)
    assert trained_on.why_no_evaluator() == ""
    assert command(tmp_path, "--evaluate=true").why_no_evaluator() == ""
    assert TrainCommand(["no_such_program", "x"]).why_no_evaluator() == ""
