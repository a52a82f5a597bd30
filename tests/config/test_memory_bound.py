"""The least memory of a batch, counted by hand."""

import pytest
from google.protobuf import text_format

from od_api.config.memory_bound import (
    Read,
    batch_bytes,
    physical_memory,
    refuse_too_large,
)
from od_api.core.errors import ConfigError
from od_api.data.schemes import read_by_schemes
from od_api.protos import pipeline_pb2

TEXT = """
model { ssd { num_classes: 1 image_resizer { fixed_shape_resizer {
  height: 100 width: 200 } } } }
train_config { batch_size: 10 }
train_input_reader { max_number_of_boxes: 50 }
"""


def config(text=TEXT):
    return text_format.Parse(text, pipeline_pb2.TrainEvalPipelineConfig())


def test_bytes_of_a_batch():
    """10 images of 100 x 200 x 3 floats, 10 x 50 boxes, scores of two classes."""
    images, boxes = 10 * 100 * 200 * 3 * 4, 10 * 50 * 40
    scores, weights = 10 * 64 * 2 * 4, 32 * 2 * 4
    assert batch_bytes(config(), 10, 50) == images + boxes + scores + weights


@pytest.mark.parametrize(
    ("resizer", "pixels"),
    [
        ("keep_aspect_ratio_resizer { min_dimension: 6 max_dimension: 10 }", 36),
        ("keep_aspect_ratio_resizer { max_dimension: 10 pad_to_max_dimension: true }",
         100),
        ("identity_resizer {}", 1),
    ],
)  # fmt: skip
def test_images_of_other_resizers(resizer, pixels):
    one = config(f"model {{ ssd {{ image_resizer {{ {resizer} }} }} }}")
    assert batch_bytes(one, 1, 0) == pixels * 12 + 64 * 4 + 32 * 4


def test_too_large_is_refused_where_it_stands():
    needed = batch_bytes(config(), 10, 50)
    refuse_too_large(config(), memory=needed)
    with pytest.raises(ConfigError, match=r"batch_size \(10\).*100 x 200") as error:
        refuse_too_large(config(), memory=needed - 1)
    assert error.value.field_path == "train_config.batch_size"
    # Two machines have half of it each.
    refuse_too_large(config(), shares=2, memory=needed / 2)


def test_schemes_read_more_images_and_larger_ones():
    """Two for one, up to 300 x 300; a batch's boxes are as many as are read."""
    text = TEXT.replace(
        "batch_size: 10",
        "batch_size: 10 batch_schemes { mixup {} } "
        "batch_schemes { multi_scale { sizes: [64, 300] } }",
    )
    read = read_by_schemes(config(text).train_config)
    assert read == Read(2, (300, 300))
    images, boxes = 20 * 300 * 300 * 3 * 4, 20 * 50 * 40
    needed = batch_bytes(config(), 10, 50, read)
    assert needed == images + boxes + 10 * 64 * 2 * 4 + 32 * 2 * 4
    refuse_too_large(config(text), memory=needed, read=read)
    with pytest.raises(ConfigError, match=r"of 2 images for each one.*300 x 300"):
        refuse_too_large(config(text), memory=needed - 1, read=read)


def test_the_resizer_says_nothing_of_chips():
    text = TEXT.replace("max_number", "chips { scales {} } max_number")
    refuse_too_large(config(text), memory=batch_bytes(config(), 10, 50) / 2)


def test_an_evaluation_is_not_shared():
    text = TEXT + "eval_config { batch_size: 10 } eval_input_reader {}"
    needed = batch_bytes(config(), 10, 100)
    with pytest.raises(ConfigError, match="max_number_of_boxes") as error:
        refuse_too_large(config(text), shares=4, memory=needed - 1)
    assert error.value.field_path == "eval_config.batch_size"


def test_this_machine_has_memory():
    assert physical_memory() > 1e8
    refuse_too_large(pipeline_pb2.TrainEvalPipelineConfig())
