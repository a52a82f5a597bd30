"""Which boxes of records are neither objects nor background: what a reader says."""

from od_api.protos import input_reader_pb2


def ignored_flags(reader):
    """The lists `image/object/<name>` of which any that is not 0 has a box ignored.

    Args:
      reader: InputReader message: crowd_boxes, ignore_difficult.
    """
    crowds = reader.crowd_boxes == input_reader_pb2.InputReader.IGNORE
    flags = ("is_crowd", "group_of") if crowds else ()
    return (*flags, "difficult") if reader.ignore_difficult else flags


def count_ignored(features, flags, count):
    """How many of a record's boxes are ignored.

    Args:
      features: {key: list} of the record.
      flags: of `ignored_flags`.
      count: its boxes; a list of another length says nothing.
    """
    lists = [features.get(f"image/object/{name}", []) for name in flags]
    lists = [values for values in lists if len(values) == count]
    return sum(
        any(value > 0 for value in of_box) for of_box in zip(*lists, strict=True)
    )
