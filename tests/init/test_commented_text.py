"""A config with comments says the same as without."""

from google.protobuf import text_format

from od_api.init.commented_text import commented_text
from od_api.init.detector_choices import chosen
from od_api.protos import pipeline_pb2


def test_comments_stand_above_their_fields():
    config = pipeline_pb2.TrainEvalPipelineConfig()
    config.train_config.batch_size = 4
    config.train_config.data_augmentation_options.add().random_horizontal_flip.SetInParent()
    config.train_config.data_augmentation_options.add().random_vertical_flip.SetInParent()
    text = commented_text(
        config,
        ["Head", ""],
        {
            "train_config.batch_size": "one\ntwo",
            "train_config.data_augmentation_options": "both",
            "train_config.num_steps": "not there",
        },
    )
    assert text.startswith(
        "# Head\n#\ntrain_config {\n  # one\n  # two\n  batch_size: 4\n"
        "  # both\n  data_augmentation_options {\n"
    )
    assert text.count("# both") == 1
    assert "not there" not in text
    assert text_format.Parse(text, pipeline_pb2.TrainEvalPipelineConfig()) == config


def test_a_whole_config_is_the_same_behind_its_comments():
    config = chosen("ssd_mobilenet_v1_300").config()
    text = commented_text(config, [], {"model.ssd.num_classes": "x"})
    assert "    # x\n    num_classes: 90\n" in text
    assert text_format.Parse(text, pipeline_pb2.TrainEvalPipelineConfig()) == config
