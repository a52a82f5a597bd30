"""Features of a tf.Example, and what the writers of records used to call."""

import tensorflow as tf

from od_api.system.files import read_text


def int64_feature(value):
    """An int -> tf.train.Feature."""
    return int64_list_feature([value])


def int64_list_feature(value):
    """Ints -> tf.train.Feature."""
    return tf.train.Feature(int64_list=tf.train.Int64List(value=value))


def bytes_feature(value):
    """Bytes -> tf.train.Feature."""
    return bytes_list_feature([value])


def bytes_list_feature(value):
    """A list of bytes -> tf.train.Feature."""
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=value))


def float_feature(value):
    """A float -> tf.train.Feature."""
    return float_list_feature([value])


def float_list_feature(value):
    """Floats -> tf.train.Feature."""
    return tf.train.Feature(float_list=tf.train.FloatList(value=value))


def read_examples_list(path):
    """The first word of each line of a file: names of examples.

    Raises:
      UserError: a file that cannot be read, or is no UTF-8.
    """
    lines = read_text(path, "list of examples").strip().splitlines()
    return [line.strip().split(" ")[0] for line in lines]


def recursive_parse_xml_to_dict(xml):
    """An XML element -> {tag: text or the same of what is in it}.

    Elements called `object` are a list, since there may be many.

    Args:
      xml: an `xml.etree` or `lxml.etree` element.
    """
    if not len(xml):
        return {xml.tag: xml.text}
    found = {}
    for child in xml:
        inside = recursive_parse_xml_to_dict(child)[child.tag]
        if child.tag == "object":
            found.setdefault("object", []).append(inside)
        else:
            found[child.tag] = inside
    return {xml.tag: found}
