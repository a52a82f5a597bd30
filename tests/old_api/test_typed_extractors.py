"""The parts that a `type` stands for."""

from google.protobuf import text_format

from od_api.old_api.typed_extractors import stands_for
from od_api.protos import faster_rcnn_pb2, ssd_pb2


def names(text, message):
    return [m.DESCRIPTOR.name for m in stands_for(text_format.Parse(text, message))]


def test_types_of_both_detectors():
    ssd = 'type: "ssd_mobilenet_v1_fpn" fpn {}'
    assert names(ssd, ssd_pb2.SsdFeatureExtractor()) == ["Backbone", "Neck"]
    two_stage = 'type: "faster_rcnn_resnet50"'
    assert names(two_stage, faster_rcnn_pb2.FasterRcnnFeatureExtractor()) == [
        "Backbone"
    ]


def test_what_has_no_type():
    assert stands_for(ssd_pb2.SsdFeatureExtractor()) == []
    assert stands_for(ssd_pb2.Ssd()) == []
