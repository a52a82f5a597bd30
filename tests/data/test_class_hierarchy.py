"""Boxes of the classes above, as Open Images counts them."""

import pytest
import tensorflow as tf
from data_set_kit import picture

from od_api.core.errors import ConfigError
from od_api.data.class_hierarchy import ClassHierarchy
from od_api.data.label_map import LabelMap
from od_api.data.make_example import EncodedImage, Objects, make_example
from od_api.data.tf_example import decode
from od_api.protos import input_reader_pb2

READER = input_reader_pb2.InputReader(expand_labels_hierarchy=True)


@pytest.fixture
def animals():
    """Animal (1) above pet (2) above cat (4); stone (5) alone; id 3 is not used."""
    names = {1: "animal", 2: "pet", 4: "cat", 5: "stone"}
    above = {"pet": {"animal"}, "cat": {"animal", "pet", "thing"}}
    return LabelMap.from_names(names).related(above)


def record(image_classes=None):
    image = EncodedImage(picture(10, 10), "jpeg", "a.jpg", "a", 10, 10)
    boxes = [[0, 0, 0.5, 0.5], [0.5, 0, 1, 1], [0, 0, 1, 1]]
    objects = Objects(
        boxes,
        ["cat", "stone", "pet"],
        [4, 5, 2],
        is_crowd=[False, True, False],
        flags={"group_of": [True, False, False]},
    )
    return make_example(image, objects, image_classes).SerializeToString()


def test_each_box_is_there_for_its_class_and_those_above(animals):
    """Cat: animal, pet, cat; stone: itself; pet: animal, pet. As 0-based classes."""
    sample = decode(record(), READER, animals)
    assert sample["classes"].numpy().tolist() == [0, 1, 3, 4, 0, 1]
    rows = [0, 0, 0, 1, 2, 2]
    plain = decode(record(), input_reader_pb2.InputReader(), animals)
    for name in ("boxes", "is_crowd", "weights", "area", "group_of"):
        assert tf.reduce_all(sample[name] == tf.gather(plain[name], rows)), name


def test_labels_of_images_go_up_where_found_and_down_where_absent(animals):
    """A pet is there, so is an animal. No stone. In another one no pet, so no cat."""
    found = [("pet", 2, 1.0), ("stone", 5, 0.0)]
    absent = [("pet", 2, 0.0), ("unheard of", 9, 1.0)]
    for classes, expected in ((found, [0, 1, 4]), (absent, [1, 3]), ([], [])):
        sample = decode(record(classes), READER, animals, known_classes=True)
        assert sample["verified_classes"].numpy().tolist() == expected


def test_a_classifier_learns_those_above_what_is_there(animals):
    """A pet is there, and so an animal; no stone; what nobody knows is passed over."""
    reader = input_reader_pb2.InputReader(load_image_classes=True)
    reader.expand_labels_hierarchy = True
    found = [("pet", 2, 1.0), ("stone", 5, 0.0), ("unheard of", 9, 1.0)]
    sample = decode(record(found), reader, animals)
    assert sample["image_class_ids"].numpy().tolist() == [0, 1]


def test_an_image_without_boxes_has_none(animals):
    hierarchy = ClassHierarchy(animals)
    nothing = {"classes": tf.zeros([0], tf.int32), "boxes": tf.zeros([0, 4])}
    assert hierarchy.expanded(nothing)["boxes"].shape == (0, 4)


def test_a_relation_may_be_told_from_below_or_above(animals):
    for field in ("ancestor_ids", "descendant_ids"):
        half = LabelMap.of_text(animals.to_text(), "")
        for class_id in half.ids:
            half.item(class_id).ClearField(field)
        sample = {"classes": tf.constant([3])}
        expanded = ClassHierarchy(half).expanded(sample)
        assert expanded["classes"].numpy().tolist() == [0, 1, 3]


def test_a_label_map_without_a_hierarchy_is_refused(animals):
    with pytest.raises(ConfigError, match="--hierarchy FILE") as error:
        ClassHierarchy(LabelMap.from_names(["cat", "dog"]))
    assert error.value.field_path == "expand_labels_hierarchy"
    animals.item(5).ancestor_ids.append(3)
    with pytest.raises(ConfigError, match="stone to the id 3, which"):
        ClassHierarchy(animals)
