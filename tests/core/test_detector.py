"""The protocol of detectors: every one that is registered keeps it."""

import inspect

import pytest

from od_api.core.detector import Detector
from od_api.core.registry import part_class, registered
from od_api.protos import model_pb2

METHODS = [
    *("call", "losses", "detect", "candidates", "instance_masks"),
    *("decode", "scores", "static", "load_weights"),
]
PARTS = registered()
MEMBERS = [
    field
    for field in model_pb2.DetectionModel.DESCRIPTOR.fields
    if field.message_type.full_name in PARTS
]


@pytest.mark.parametrize("field", MEMBERS, ids=lambda field: field.name)
def test_every_detector_keeps_the_protocol(field):
    """It has all methods, and whoever calls them may name their arguments."""
    detector = PARTS[field.message_type.full_name]
    assert issubclass(detector, Detector)
    for name in METHODS:
        wanted = inspect.signature(getattr(Detector, name)).parameters
        given = inspect.signature(getattr(detector, name)).parameters
        assert list(given)[: len(wanted)] == list(wanted), name


@pytest.mark.parametrize("field", MEMBERS, ids=lambda field: field.name)
def test_every_message_says_classes_and_resizer(field):
    assert {"num_classes", "image_resizer"} <= set(field.message_type.fields_by_name)


def test_what_every_detector_says_unless_it_says_otherwise():
    detector = Detector()
    assert detector.finds_boxes and not detector.candidates_are_ranked
    assert detector.options == {} and detector.reads == ()
    assert detector.static() is detector
    assert part_class(model_pb2.DetectionModel(ssd={})).fields_for_xla(None) == []


def test_weights_are_the_backbones():
    class Backbone:
        def load_weights(self, path):
            self.path = path

    detector = Detector()
    detector.parts = {"backbone": Backbone()}
    detector.load_weights("weights.h5")
    assert detector.parts["backbone"].path == "weights.h5"
