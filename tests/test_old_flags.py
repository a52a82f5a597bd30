"""Flags of the old scripts: each row of the table in docs/migrating.md is tried."""

import importlib
import pathlib
import re

import flag_script
import pytest
import tiny

PAGE = pathlib.Path(__file__).parent.parent / "docs" / "migrating.md"
TRAINERS = ("model_main.py", "model_main_tf2.py", "model_tpu_main.py")

# The old scripts' own lists of flags.
OLD_FLAGS = {
    "model_main.py": """model_dir pipeline_config_path num_train_steps
        eval_training_data sample_1_of_n_eval_examples
        sample_1_of_n_eval_on_train_examples checkpoint_dir run_once
        max_eval_retries""",
    "model_main_tf2.py": """pipeline_config_path num_train_steps eval_on_train_data
        sample_1_of_n_eval_examples sample_1_of_n_eval_on_train_examples model_dir
        checkpoint_dir eval_timeout use_tpu tpu_name num_workers checkpoint_every_n
        record_summaries""",
    "model_tpu_main.py": """use_tpu gcp_project tpu_zone tpu_name num_shards
        iterations_per_loop mode train_batch_size num_train_steps eval_training_data
        sample_1_of_n_eval_examples sample_1_of_n_eval_on_train_examples model_dir
        pipeline_config_path max_eval_retries""",
    "exporter_main_v2.py": """input_type pipeline_config_path trained_checkpoint_dir
        output_directory config_override use_side_inputs side_input_shapes
        side_input_types side_input_names""",
    "export_inference_graph.py": """input_type input_shape pipeline_config_path
        trained_checkpoint_prefix output_directory config_override
        write_inference_graph additional_output_tensor_names use_side_inputs
        side_input_shapes side_input_types side_input_names""",
    # Without those that it shares with the other exporters.
    "export_tflite_graph_tf2.py": """max_detections ssd_max_detections
        ssd_use_regular_nms centernet_include_keypoints keypoint_label_map_path""",
    "export_tflite_ssd_graph.py": """max_detections max_classes_per_detection
        detections_per_class add_postprocessing_op use_regular_nms""",
}

# Where the value of an accepted flag arrives: {flag: (where, what is there)}. It is a
# field of the config, an argument of what is called, or, by the name of what is
# called, its first argument after the config.
ARRIVES = {
    "pipeline_config_path": ("config.model.ssd.num_classes", 5),
    "model_dir": ("train_as_task", "run"),
    "num_train_steps": ("config.train_config.num_steps", 2),
    "checkpoint_dir": ("follow", "run"),
    "sample_1_of_n_eval_examples": (
        "config.eval_input_reader[0].sample_1_of_n_examples",
        2,
    ),
    "sample_1_of_n_eval_on_train_examples": (
        "config.eval_input_reader[0].sample_1_of_n_examples",
        3,
    ),
    "eval_on_train_data": ("config.eval_input_reader[0].label_map_path", "of_training"),
    "eval_training_data": ("config.eval_input_reader[0].label_map_path", "of_training"),
    "eval_timeout": ("eval_timeout", 60),
    "run_once": ("evaluate", "run"),
    "use_tpu": ("use_tpu", True),
    "tpu_name": ("tpu_name", "tpu"),
    "tpu_zone": ("tpu_zone", "zone"),
    "gcp_project": ("gcp_project", "project"),
    "mode": ("follow", "run"),
    "train_batch_size": ("config.train_config.batch_size", 4),
    "num_workers": ("num_workers", 2),
    "checkpoint_every_n": ("config.train_config.checkpoint_every_n_steps", 5),
    "record_summaries": ("record_summaries", False),
    "input_type": ("input_type", "tf_example"),
    "trained_checkpoint_dir": ("export", "run"),
    "trained_checkpoint_prefix": ("export", "run/ckpt-1"),
    "output_directory": ("output", "exported"),
    "config_override": ("config.model.ssd.num_classes", 3),
    "input_shape": ("input_shape", ["1", "-1", "-1", "3"]),
}
# What a flag needs beside it, to mean something.
BESIDE = {
    "sample_1_of_n_eval_on_train_examples": ["--eval_on_train_data"],
    "run_once": ["--checkpoint_dir=run"],
}


def rows():
    """(old scripts, flag with a value, "accepted" or "refused", what to do)."""
    section = PAGE.read_text().split("## Flags of the old scripts")[1].split("\n## ")[0]
    found = re.findall(r"^\| (`.*py`) \| `(--.*?)` \| (\w+) \| (.*) \|$", section, re.M)
    assert len(found) == section.count("| `--")
    return [(re.findall(r"`([^`]+)`", s), f, how, what) for s, f, how, what in found]


def name_of(flag):
    return flag[2:].partition("=")[0]


def test_the_table_has_the_flags_of_every_script():
    listed = {}
    for scripts, flag, _, _ in rows():
        for script in scripts:
            listed.setdefault(script, []).append(name_of(flag))
    assert {s: sorted(f) for s, f in listed.items()} == {
        script: sorted(flags.split()) for script, flags in OLD_FLAGS.items()
    }


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """Path of the tiny config; its training records have a label map of their own."""
    folder = tmp_path_factory.mktemp("flags")
    path = tiny.write_config(folder, "absent")
    before, name, readers = path.read_text().partition("train_input_reader")
    label_map = re.compile('label_map_path: "[^"]*"')
    readers = label_map.sub('label_map_path: "of_training"', readers, count=1)
    path.write_text(before + name + readers)
    return path


@pytest.fixture
def called(monkeypatch):
    """A dict that gets what the verb that is called, which does nothing, is given."""
    found = {}
    for module, function in (
        ("od_api.train", "train_as_task"),
        ("od_api.follow", "follow"),
        ("od_api.evaluate", "evaluate"),
        ("od_api.export", "export"),
    ):

        def record(config, where, *output, verb=function, **settings):
            found.update(settings, config=config, output=output and output[0])
            found[verb] = where

        monkeypatch.setattr(importlib.import_module(module), function, record)
    return found


def run_with(flag, config, old_scripts):
    """The status of our script with a flag, beside those that are required."""
    trains = old_scripts[0] in TRAINERS
    required = {"pipeline_config_path": config}
    if trains:
        required |= {"model_dir": "run"}
    else:
        required |= {"trained_checkpoint_dir": "run", "output_directory": "exported"}
    name = name_of(flag)
    if name == "trained_checkpoint_prefix":
        del required["trained_checkpoint_dir"]
    given = [f"--{n}={v}" for n, v in required.items() if n != name]
    flag = f"--{name}={config}" if name == "pipeline_config_path" else flag
    script = "model_main.py" if trains else "export_saved_model.py"
    return flag_script.run(script, *given, *BESIDE.get(name, ()), flag)


@pytest.mark.parametrize("row", rows(), ids=lambda row: name_of(row[1]))
def test_flag(row, config, called, capsys):
    """An accepted one arrives; a refused one is named, with what the page says."""
    scripts, flag, how, what = row
    status = run_with(flag, config, scripts)
    if how == "refused":
        cure = what.split(";")[0].partition(": ")[2]
        message = capsys.readouterr().err
        assert status == 2 and not called
        assert f"--{name_of(flag)}" in message and cure in message
        return
    assert (how, status) == ("accepted", 0)
    where, value = ARRIVES[name_of(flag)]
    found = called
    for part in re.findall(r"\w+", where):
        if part.isdigit():
            found = found[int(part)]
        else:
            found = found[part] if isinstance(found, dict) else getattr(found, part)
    assert found == value


@pytest.mark.parametrize(
    ("flags", "match"),
    [
        (["--run_once"], "--run_once .* --checkpoint_dir"),
        (["--mode=train", "--checkpoint_dir=run"], "leave one of them out"),
        (["--mode=test"], "mode"),
    ],
)
def test_flags_that_do_not_go_together(flags, match, config, called, capsys):
    given = [f"--pipeline_config_path={config}", "--model_dir=run"]
    assert flag_script.run("model_main.py", *given, *flags) == 2
    assert re.search(match, capsys.readouterr().err) and not called


def test_modes_of_the_tpu_script(config, called):
    """`train` alone leaves evaluation out; what asks for nothing is accepted."""
    given = [f"--pipeline_config_path={config}", "--model_dir=run"]
    neutral = ["--max_eval_retries=0", "--mode=train"]
    assert flag_script.run("model_main.py", *given, *neutral) == 0
    assert called["train_as_task"] == "run" and not called["evaluate_on_the_way"]
