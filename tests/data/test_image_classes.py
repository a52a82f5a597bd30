"""What records say of whole images, with and without a classifier."""

from od_api.data.image_classes import ImageClasses
from od_api.data.label_map import LabelMap

LABELS = LabelMap.from_names(["cat", "dog"])


def kinds(features, needed=True):
    return [kind for _, kind, _ in ImageClasses(LABELS, needed).add(features)]


def test_each_image_needs_a_class():
    assert kinds({}) == ["no_image_class"]
    assert kinds({}, needed=False) == []
    assert kinds({"image/class/label": [2]}) == []
    assert kinds({"image/class/text": [b"cat", b"dog"]}) == []


def test_unknown_ones():
    """Texts decide where there are any."""
    assert kinds({"image/class/text": [b"cow"]}) == ["unknown_class"]
    assert kinds({"image/class/label": [3]}) == ["unknown_id"]
    assert kinds({"image/class/label": [3], "image/class/text": [b"cat"]}) == []


def test_images_are_counted_by_class():
    tally = ImageClasses(LABELS, True)
    for labels in ([1], [1, 2]):
        assert list(tally.add({"image/class/label": labels})) == []
    assert tally.per_class == {"cat": 2, "dog": 1}
    assert list(tally.findings(0)) == []


def test_a_set_without_any_box_is_no_detector_s():
    tally = ImageClasses(LABELS, False)
    list(tally.add({"image/class/label": [1]}))
    ((severity, kind, _),) = tally.findings(0)
    assert (severity, kind) == ("error", "no_boxes_at_all")
    assert list(tally.findings(5)) == []


def test_ids_that_metrics_read_are_of_the_label_map():
    key = "image/neg_category_ids"
    tally = ImageClasses(LABELS, False)
    assert list(tally.add({key: [1, 2]})) == []
    ((severity, kind, detail),) = tally.add({key: [2, 7, 3]})
    assert (severity, kind) == ("warning", "unknown_id")
    assert detail.endswith("[3, 7]")
    assert kinds({key: [7], "image/not_exhaustive_category_ids": [0]}, False) == (
        ["unknown_id"] * 2
    )


def test_classes_of_confidence_0_are_not_counted():
    """Looked for and not there; the count of the other one is by hand."""
    tally = ImageClasses(LABELS, True)
    features = {"image/class/label": [1, 2], "image/class/confidence": [0.0, 0.7]}
    assert list(tally.add(features)) == []
    assert tally.per_class["cat"] == 0
    assert tally.per_class["dog"] == 1


def test_confidences_that_no_class_has():
    labels = {"image/class/text": [b"cat", b"dog"]}
    found = [kinds({**labels, "image/class/confidence": c}) for c in ([1.0], [1, 7.0])]
    assert found == [["list_lengths"], ["bad_value"]]
    assert kinds({**labels, "image/class/confidence": []}) == []
