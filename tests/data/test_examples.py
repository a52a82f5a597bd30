"""Parsing of records, forged ones too."""

import pytest
import tensorflow as tf

from od_api.data.examples import parse_example

SPEC = {
    "name": tf.io.FixedLenFeature([], tf.string, ""),
    "numbers": tf.io.RaggedFeature(tf.int64),
}


def example(**features):
    kinds = {bytes: "bytes_list", int: "int64_list"}
    return tf.train.Example(
        features={
            "feature": {
                key: {kinds[type(values[0])]: {"value": values}}
                for key, values in features.items()
            }
        }
    ).SerializeToString()


@pytest.mark.parametrize("wrap", [lambda f: f, tf.function])
def test_a_record_and_its_defaults(wrap):
    parse = wrap(lambda record: parse_example(record, SPEC))
    parsed = parse(tf.constant(example(name=[b"a"], numbers=[3, 4], other=[1])))
    assert parsed["name"] == b"a" and parsed["numbers"].numpy().tolist() == [3, 4]
    parsed = parse(tf.constant(b""))
    assert parsed["name"] == b"" and parsed["numbers"].shape == (0,)


@pytest.mark.parametrize(
    "forged",
    [
        b"no record at all",
        example(name=[b"a"])[:-1],
        # Lengths of 2^31 - 1 and of 2^63 bytes in the first field.
        b"\x0a\xff\xff\xff\xff\x07",
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
    ],
)
def test_forged_lengths_are_errors(forged):
    with pytest.raises((tf.errors.InvalidArgumentError, tf.errors.DataLossError)):
        tf.function(lambda record: parse_example(record, SPEC))(tf.constant(forged))
