"""Label maps as lists and dicts, under the old API's names.

A category is {"id", "name"}; an index of categories is {id: category}.
"""

from od_api.data.label_map import BACKGROUND, LabelMap
from od_api.data.label_map_file import read_label_map
from od_api.protos import string_int_label_map_pb2

_LABEL_OFFSET = 1


def load_labelmap(path):
    """The StringIntLabelMap of a file.

    Raises:
      ConfigError: what `LabelMap` refuses, with file and line.
    """
    LabelMap.load(path)
    return read_label_map(path)[0]


def create_category_index(categories):
    """Categories -> {id: category}."""
    return {category["id"]: category for category in categories}


def convert_label_map_to_categories(label_map, max_num_classes, use_display_name=True):
    """The categories of a StringIntLabelMap with ids of 1..max_num_classes.

    Args:
      label_map: StringIntLabelMap; None: `category_1`, `category_2`, ...
      max_num_classes: the largest id; others are left out.
      use_display_name: `display_name` where there is one, else `name`.

    Returns:
      [{"id", "name"}], with {"keypoints": {label: id}} where an item has some. Of items
      with one id the first counts.
    """
    if not label_map:
        ids = range(_LABEL_OFFSET, max_num_classes + _LABEL_OFFSET)
        return [{"id": i, "name": f"category_{i}"} for i in ids]
    categories = {}
    for item in label_map.item:
        if 0 < item.id <= max_num_classes and item.id not in categories:
            shown = use_display_name and item.HasField("display_name")
            category = {
                "id": item.id,
                "name": item.display_name if shown else item.name,
            }
            if item.keypoints:
                category["keypoints"] = {k.label: k.id for k in item.keypoints}
            categories[item.id] = category
    return list(categories.values())


def create_categories_from_labelmap(label_map_path, use_display_name=True):
    """The categories of a label map file."""
    label_map = load_labelmap(label_map_path)
    largest = max(item.id for item in label_map.item)
    return convert_label_map_to_categories(label_map, largest, use_display_name)


def create_category_index_from_labelmap(label_map_path, use_display_name=True):
    """{id: category} of a label map file."""
    categories = create_categories_from_labelmap(label_map_path, use_display_name)
    return create_category_index(categories)


def create_class_agnostic_category_index():
    """{1: category}, of one class called `object`."""
    return {_LABEL_OFFSET: {"id": _LABEL_OFFSET, "name": "object"}}


def get_label_map_dict(
    label_map_path_or_proto, use_display_name=False, fill_in_gaps_and_background=False
):
    """{name: id} of a label map.

    Args:
      label_map_path_or_proto: a file, or a StringIntLabelMap.
      use_display_name: names are `display_name`s.
      fill_in_gaps_and_background: adds `background` as 0 where no item has that id, and
        the ids between that no item has, under their numbers as texts.

    Raises:
      ValueError: ids below 0, with fill_in_gaps_and_background.
    """
    label_map = _message_of(label_map_path_or_proto)
    field = "display_name" if use_display_name else "name"
    found = {getattr(item, field): item.id for item in label_map.item}
    if fill_in_gaps_and_background:
        ids = set(found.values())
        if min(ids, default=0) < 0:
            raise ValueError("the ids of a label map must be 0 or more")
        if 0 not in ids:
            found[BACKGROUND] = 0
        gaps = set(range(1, max(ids, default=0))) - ids
        found |= {str(i): i for i in sorted(gaps)}
    return found


def get_max_label_map_index(label_map_path_or_proto):
    """The largest id of a label map."""
    return max(item.id for item in _message_of(label_map_path_or_proto).item)


def get_keypoint_label_map_dict(label_map_path_or_proto):
    """{label: id} of the keypoints of all items."""
    items = _message_of(label_map_path_or_proto).item
    return {k.label: k.id for item in items for k in item.keypoints}


def _message_of(path_or_proto):
    if isinstance(path_or_proto, string_int_label_map_pb2.StringIntLabelMap):
        return path_or_proto
    return load_labelmap(path_or_proto)
