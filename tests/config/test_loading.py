"""Loading configs: bases, overrides, and the message each mistake gets."""

import pathlib

import pytest

from od_api.config.loading import load_config, locate, write_config
from od_api.core.errors import ConfigError

GOOD = """\
model {
  ssd {
    num_classes: 3
    image_resizer { fixed_shape_resizer { height: 300 width: 300 } }
  }
}
train_config { batch_size: 8 data_augmentation_options { random_vertical_flip {} } }
train_input_reader { tf_record_input_reader { input_path: 'a.record' } }
eval_config { num_visualizations: 3 }
"""


@pytest.fixture
def write(tmp_path):
    def to_file(text, name="pipeline.config"):
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return to_file


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("batch_size", "batchsize", ":7:16: TrainConfig has no field batchsize; "
         "did you mean batch_size?"),
        ("height: 300", "height: tall", ":4:51: "),
        ("width: 300 }", "width: 300", "`train_config` belongs to TrainEvalPipeline"
         "Config, but stands inside DetectionModel: the brace of `model {` opened at "
         "line 1, column 1 is probably not closed"),
        ("'a.record' }", "'a.record'", "`eval_config` belongs to"),
        ("visualizations: 3 }", "visualizations: 3 } }", ":9:39: `}` closes a brace"),
        ("visualizations: 3 }", "visualizations: 3", "the brace of `eval_config {` "
         "opened at line 9, column 1 is never closed"),
        ("random_vertical_flip", "random_flip", "did you mean random_vertical_flip"),
        ("height: 300", "height: 300 resize_method: BILNEAR", "ResizeType has no value "
         "BILNEAR; did you mean BILINEAR?"),
    ],
)  # fmt: skip
def test_mistakes_name_place_and_cure(write, old, new, message):
    path = write(GOOD.replace(old, new))
    with pytest.raises(ConfigError) as error:
        load_config(path)
    assert str(error.value).startswith(path + ":")
    assert message in str(error.value)


def test_missing_file_names_the_nearest(write):
    path = write(GOOD)
    wrong = path.replace("pipeline.config", "pipline.config")
    with pytest.raises(ConfigError, match=r"cannot read .* has pipeline.config"):
        load_config(wrong)


def test_last_value_of_a_repeated_scalar_wins_as_in_the_old_parser(write, caplog):
    path = write(GOOD + "train_config { batch_size: 16 }")
    assert load_config(path).train_config.batch_size == 16
    assert f"{path}:10:14: train_config is given a second time" in caplog.text


def test_retired_field_is_dropped(write):
    text = GOOD.replace(
        "num_classes: 3",
        "num_classes: 3 feature_extractor { batch_norm_trainable: true num_layers: 4 }",
    )
    extractor = load_config(write(text)).model.ssd.feature_extractor
    assert extractor.num_layers == 4


def test_base_is_overridden_field_by_field_and_lists_are_replaced(write):
    write(GOOD, "base.config")
    config = load_config(
        write(
            """base: "base.config"
            model { ssd { image_resizer { keep_aspect_ratio_resizer {} } } }
            train_config { data_augmentation_options { random_rotation90 {} } }""",
            "diff.config",
        )
    )
    assert config.model.ssd.num_classes == 3
    resizer = config.model.ssd.image_resizer
    assert resizer.WhichOneof("image_resizer_oneof") == "keep_aspect_ratio_resizer"
    (step,) = config.train_config.data_augmentation_options
    assert step.HasField("random_rotation90")
    assert config.train_config.batch_size == 8
    assert not config.HasField("base")


def test_base_of_a_base_is_refused(write):
    write(GOOD + 'base: "other.config"', "base.config")
    with pytest.raises(ConfigError, match="has a base of its own"):
        load_config(write('base: "base.config"', "diff.config"))


@pytest.mark.parametrize(
    ("base", "says"),
    [
        ("diff.config", "has a base of its own"),
        (".", "it is a folder"),
        ("bse.config", "has base.config"),
        ("", "it is a folder"),
    ],
)
def test_a_base_that_is_none_is_placed(write, base, says):
    write(GOOD, "base.config")
    path = write(f'eval_config {{}}\nbase: "{base}"', "diff.config")
    with pytest.raises(ConfigError) as error:
        load_config(path)
    assert str(error.value).startswith(f"{path}:2:1: base: ")
    assert says in str(error.value)


def test_overrides(write):
    config = load_config(
        write(GOOD),
        [
            "train_config.batch_size=16",
            'train_input_reader.tf_record_input_reader.input_path=["x", "y"]',
            "train_config.fine_tune_checkpoint=/some/where",
            "model.ssd.box_coder={square_box_coder {}}",
            "model.ssd.image_resizer.fixed_shape_resizer.resize_method=AREA",
        ],
    )
    assert config.train_config.batch_size == 16
    paths = config.train_input_reader.tf_record_input_reader.input_path
    assert list(paths) == ["x", "y"]
    assert config.train_config.fine_tune_checkpoint == "/some/where"
    assert config.model.ssd.box_coder.HasField("square_box_coder")
    assert config.model.ssd.image_resizer.fixed_shape_resizer.resize_method == 3


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train_config.batchsize=1", "did you mean batch_size"),
        ("train_config.batch_size=many", "Couldn't parse integer"),
        ("train_config", "not of the form"),
        ("train_config=3", "is a message"),
        ("eval_input_reader[1].shuffle=true", "is a list of 0"),
        ("train_config.batch_size.x=1", "is a value, not a message"),
        ("train_config.batch_size=" + "9" * 5000, "a whole number"),
        ("eval_input_reader[" + "9" * 5000 + "].shuffle=true", "is not a field name"),
        ("model.ssd=" + "{ box_predictor " * 600, "in --set model.ssd="),
        (r'train_config.fine_tune_checkpoint="D:\tf"', "write / or"),
    ],
)
def test_bad_overrides(write, override, message):
    with pytest.raises(ConfigError, match=message):
        load_config(write(GOOD), [override])


def test_written_config_reads_back_as_it_was(write, tmp_path):
    config = load_config(write(GOOD))
    target = tmp_path / "deep" / "resolved.config"
    write_config(config, target)
    assert load_config(str(target)) == config
    assert [p.name for p in target.parent.iterdir()] == ["resolved.config"]


def test_binary_config_reads_as_text_does(write, tmp_path):
    config = load_config(write(GOOD))
    binary = tmp_path / "pipeline.pb"
    binary.write_bytes(config.SerializeToString())
    assert load_config(str(binary)) == config


def test_late_errors_are_placed_in_the_file_that_sets_the_field(write):
    base = write(GOOD, "base.config")
    diff = write('base: "base.config"\neval_config { batch_size: 2 }', "d.config")
    error = ConfigError("too tall", "model.ssd.image_resizer.fixed_shape_resizer")
    assert str(locate(error, diff)).startswith(
        str(pathlib.Path(base).parent) + "/base.config:4:21: model.ssd."
    )
    error = ConfigError("odd", "eval_config.batch_size")
    assert str(locate(error, diff)).startswith(diff + ":2:15: ")
    # The one that says more of the way is the one that sets it.
    error = ConfigError("odd", "eval_config.num_visualizations")
    assert str(locate(error, diff)).startswith(base + ":9:15: ")


def test_late_errors_of_an_override_are_placed_there(write):
    error = ConfigError("is 0", "train_config.batch_size")
    overrides = ["eval_config.batch_size=0", "train_config.batch_size=0"]
    located = locate(error, write(GOOD), overrides)
    assert str(located) == (
        "--set train_config.batch_size=0: train_config.batch_size: is 0"
    )
    located = locate(ConfigError("is 0", "model.ssd.num_classes"), "x", ["model={}"])
    assert located.location == "--set model={}"
