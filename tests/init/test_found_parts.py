"""Which of the parts that were found are used."""

import pytest

from od_api.core.errors import UserError
from od_api.init.found_parts import one_of_each, settled
from od_api.init.part_names import TEST, TRAIN, VAL, WHOLE


@pytest.mark.parametrize(
    ("there", "used"),
    [
        ({WHOLE}, {WHOLE}),
        ({TRAIN, VAL}, {TRAIN, VAL}),
        ({TRAIN, WHOLE}, {TRAIN}),
        ({WHOLE, VAL}, {TRAIN, VAL}),
        ({WHOLE, TEST}, {WHOLE, TEST}),
    ],
)
def test_what_is_used(there, used):
    """What is whole is trained on beside a VAL, and stands back beside a TRAIN."""
    notes = []
    assert settled(dict.fromkeys(there), "x", notes).keys() == used
    assert bool(notes) == (there == {TRAIN, WHOLE})


def test_something_must_be_there_to_train_on():
    with pytest.raises(UserError, match="x has only the part val"):
        settled({VAL: []}, "x", [])


def test_one_file_a_part():
    assert one_of_each([(TRAIN, "a"), (VAL, "b")], "x") == {TRAIN: "a", VAL: "b"}
    several = [(TRAIN, "a"), (TRAIN, "b"), (VAL, "c")]
    preferred = one_of_each(several, "x", prefer=lambda path: path == "b")
    assert preferred == {TRAIN: "b", VAL: "c"}
    with pytest.raises(UserError, match="several annotation files for train: a and b"):
        one_of_each(several, "x")
    with pytest.raises(UserError, match="several annotation files: a and b"):
        one_of_each([(WHOLE, "a"), (WHOLE, "b")], "x")
