"""The page of what is wrong with a data set; how it looks is seen by people."""

import re

from data_set_kit import picture

from od_api.data.findings import Report
from od_api.data.make_example import EncodedImage, Objects, make_example
from od_api.data.record_source import RecordSource
from od_api.viewing.findings_page import findings_page
from od_api.viewing.viewed_pictures import ViewedPicture

PLACE = {"file": "a.record", "source_id": "a<b"}


def report(count):
    found = Report(records=3, boxes=4)
    for record in range(count):
        found.add("warning", "tiny_box", f"box {record} of <1 pixel", **PLACE)
    found.add("error", "no_class", "has none", file="other.record", record=1)
    return found


def test_errors_come_first_and_text_is_escaped():
    page = findings_page("title", {"train <reader>": report(1)}, {})
    assert page.index("no_class") < page.index("tiny_box")
    assert "1 errors, 1 warnings, 0 notes" in page
    assert "train &lt;reader&gt;" in page and "box 0 of &lt;1 pixel" in page
    assert "<reader>" not in page and "<1 pixel" not in page


def test_no_more_than_a_dozen_of_a_kind_are_shown():
    page = findings_page("title", {"x": report(15)}, {})
    assert len(re.findall(r"<p>tiny_box: a\.record", page)) == 12
    assert "and 3 more: od-api data check --format json" in page


def test_a_finding_with_a_picture_shows_it():
    """The box is where the picture has it; the page needs no other file."""
    image = EncodedImage(picture(40, 20), "jpeg", "a.jpg", "a", 20, 40)
    record = make_example(image, Objects([], [], [])).SerializeToString()
    source = RecordSource("a.record", 1, [record].__getitem__)
    box = {"of": "truth", "box": [2, 3, 12, 8], "class": 1}
    viewed = ViewedPicture(source, 0, 0, "a.jpg", (20, 40), [box])
    found = Report()
    found.add("note", "dark", "is dark", file="a.record", record=0)
    page = findings_page("title", {"x": found}, {("a.record", 0): viewed})
    assert '<rect class="truth" x="3" y="2" width="5.0" height="10.0"/>' in page
    assert 'viewBox="0 0 40 20"' in page and "data:image/jpeg;base64," in page
    assert "a.jpg: is dark" in page and "http" not in page


def test_nothing_found_is_said():
    assert "Nothing was found." in findings_page("title", {"x": Report()}, {})
