"""Lists, maps and set fields of messages."""

from google.protobuf import text_format

from od_api.core.message_fields import is_map, is_repeated, set_values
from od_api.protos import calibration_pb2, preprocessor_pb2


def test_lists_maps_and_single_fields():
    pad = preprocessor_pb2.RandomPadImage.DESCRIPTOR.fields_by_name
    assert is_repeated(pad["pad_color"]) and not is_map(pad["pad_color"])
    assert not is_repeated(pad["min_image_height"])
    by_class = calibration_pb2.ClassIdSigmoidCalibrations.DESCRIPTOR.fields
    assert is_map(by_class[0]) and is_repeated(by_class[0])


def test_set_values_names_each_of_a_list():
    message = text_format.Parse(
        "pad_color: [1, 2] min_image_height: 7", preprocessor_pb2.RandomPadImage()
    )
    found = [(name, value) for name, _, value in set_values(message)]
    assert sorted(found) == [
        ("min_image_height", 7),
        ("pad_color[0]", 1),
        ("pad_color[1]", 2),
    ]
    assert list(set_values(preprocessor_pb2.RandomPadImage())) == []
