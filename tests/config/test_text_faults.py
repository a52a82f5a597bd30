"""Common mistakes in protobuf text: each is named, at its own place, with a cure."""

import pytest

from od_api.config.text_faults import escaped_path
from od_api.config.text_parsing import parse_message
from od_api.core.errors import ConfigError
from od_api.protos import pipeline_pb2, string_int_label_map_pb2

GOOD = """\
model {
  ssd { num_classes: 3 }
}
train_config { batch_size: 8 fine_tune_checkpoint: "x" }
train_input_reader { label_map_path: "m" }
"""
TRAIN = 'batch_size: 8 fine_tune_checkpoint: "x"'


def said(text, message=pipeline_pb2.TrainEvalPipelineConfig):
    with pytest.raises(ConfigError) as error:
        parse_message(text, message(), "f")
    return str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "place", "says"),
    [
        ('"m"', '"m\u201d', "5:38", "ends with \u201d (U+201D, right double quotation"),
        ('"m"', "\u201cm\u201d", "5:38", 'type " instead'),
        ('"m"', '"m', "5:38", 'has no closing "'),
        ('"m"', "a/m", "5:38", 'write `label_map_path: "a/m"`'),
        ("classes: 3", "classes = 3", "2:21", "`=` stands where `:`"),
        ("model {", "model = {", "1:7", "`=` stands where `:`"),
        ("model {", "model (", "1:7", "`model` is a message"),
        ("batch_size:", "batch_size\uff1a", "4:26", "fullwidth colon) has no meaning"),
        ("batch_size:", "\u200bbatch_size:", "4:16", "zero width space"),
        ("size: 8", "size 8", "4:27", "write `batch_size: 8`"),
        ("size: 8", 'size: "8"', "4:28", "a whole number"),
        ("size: 8", "size: 8\u00b2", "4:29", "superscript two"),
        ("size: 8", "size: " + "9" * 5000, "4:28", "Couldn't parse integer"),
        ("size: 8", "size: -8", "4:28", "out of the range of batch_size"),
        (TRAIN, "freeze_variables: ['a',]", "4:39", "missing before `]`"),
        (TRAIN, "bias_grad_multiplier: 0,5", "4:40", "numbers have a point"),
        (TRAIN, "use_bfloat16: yes", "4:30", "is true or false, and not yes"),
        (TRAIN, "batch_size: 8 // eight\n", "4:30", "a comment begins with #"),
        (TRAIN, "batch_size: 8 > ", "4:30", "`>` closes a brace that was never"),
        (TRAIN, "batch_size: 8 ] ", "4:30", "a closing brace belongs here, and not ]"),
        (TRAIN, "[a.b]: 8", "4:19", "names in brackets"),
        ("model {\n", "model:\n", "1:1", "by indentation alone"),
        (GOOD, "<!DOCTYPE html>\n<html></html>", "1:1", "this is HTML"),
        (GOOD, '\n{ "model": {} }', "2:1", "this is JSON"),
        (GOOD, "---\nmodel:\n", "1:1", "this is YAML"),
        (GOOD, "item { id: 1 }", "1:1", "this is a label map"),
        ("train_c", "<<<<<<< HEAD\ntrain_c", "4:1", "unfinished merge"),
    ],
)  # fmt: skip
def test_the_mistake_is_named_where_it_is(old, new, place, says):
    message = said(GOOD.replace(old, new))
    assert message.startswith(f"f:{place}: ")
    assert says in message
    assert "brace of" not in message


@pytest.mark.parametrize(
    "value", [r"C:\Users\me", r"D:\tf\data", r"a\b", r"a\000b", r"\\host\x", r"C:\303"]
)
def test_a_backslash_in_a_path_is_refused(value):
    message = said(GOOD.replace('"m"', f'"{value}"'))
    assert message.startswith("f:5:38: label_map_path has a backslash")
    assert r"write / or \\ in paths" in message


@pytest.mark.parametrize(
    "text",
    [
        r'label_map_path: "C:\\Users\\me"',
        r'label_map_path: "caf\303\251/\"a\".txt"',
        r'freeze_variables: "conv\d+/bias\\b"',
        r'name: "a\tb"',
        r'# "C:\Users"',
    ],
)
def test_other_backslashes_are_not(text):
    assert escaped_path(text) is None


def test_a_pattern_keeps_no_control_characters():
    """`\\b` of a regular expression is a backspace in protobuf text."""
    assert "write `\\\\b`" in escaped_path(r'freeze_variables: "a\b"').problem


@pytest.mark.parametrize("text", ["item {" * 20000, "item { id: 1 }" + "}" * 20000])
def test_depth_and_braces_without_end_are_one_error(text):
    assert said(text, string_int_label_map_pb2.StringIntLabelMap).startswith("f:1:")
