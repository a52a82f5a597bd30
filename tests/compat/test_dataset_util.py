"""Features of a tf.Example."""

from xml.etree import ElementTree

import tensorflow as tf

from od_api.compat import dataset_util


def test_features_are_written_and_read():
    features = {
        "int": dataset_util.int64_feature(3),
        "ints": dataset_util.int64_list_feature([1, 2]),
        "bytes": dataset_util.bytes_feature(b"a"),
        "texts": dataset_util.bytes_list_feature([b"a", b"b"]),
        "float": dataset_util.float_feature(0.5),
        "floats": dataset_util.float_list_feature([0.5, 1.5]),
    }
    example = tf.train.Example(features=tf.train.Features(feature=features))
    read = tf.train.Example.FromString(example.SerializeToString()).features.feature
    assert list(read["int"].int64_list.value) == [3]
    assert list(read["ints"].int64_list.value) == [1, 2]
    assert list(read["bytes"].bytes_list.value) == [b"a"]
    assert list(read["texts"].bytes_list.value) == [b"a", b"b"]
    assert list(read["float"].float_list.value) == [0.5]
    assert list(read["floats"].float_list.value) == [0.5, 1.5]


def test_names_of_examples(tmp_path):
    path = tmp_path / "trainval.txt"
    path.write_text("a 1 2\nb\n")
    assert dataset_util.read_examples_list(path) == ["a", "b"]


def test_xml_becomes_a_dict():
    xml = ElementTree.fromstring(
        "<annotation><size><width>3</width></size>"
        "<object><name>a</name></object><object><name>b</name></object></annotation>"
    )
    assert dataset_util.recursive_parse_xml_to_dict(xml) == {
        "annotation": {
            "size": {"width": "3"},
            "object": [{"name": "a"}, {"name": "b"}],
        }
    }
