"""Where messages can be set."""

from od_api.techniques.schema_places import places


def test_member_of_a_slot():
    place = places()["od_api.protos.BalancedL1Loss"]
    assert place.fields == ["LocalizationLoss.balanced_l1"]
    assert place.text == "localization_loss { balanced_l1 {} }"


def test_plain_field():
    place = places()["od_api.protos.PostProcessing"]
    shared = {"FasterRcnn.second_stage_post_processing", "Ssd.post_processing"}
    assert shared <= set(place.fields)
    assert place.text == "post_processing {}"


def test_value_of_a_map():
    """It is found through the map, whose entries are no messages of their own."""
    found = places()
    assert not [name for name in found if name.endswith("Entry")]
    assert "od_api.protos.SigmoidParameters" in found
