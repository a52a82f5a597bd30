"""One numbering of the classes of all parts."""

import pytest

from od_api.core.errors import UserError
from od_api.init.shared_ids import SharedIds


def test_parts_share_ids_in_the_order_in_which_they_declare_them():
    """The second part has another order and one class more."""
    ids = SharedIds()
    ids("train", {3: "dog", 7: "cat"}, {})
    ids("val", {1: "cat", 2: "bird"}, {})
    assert [ids.id_of(name) for name in ("dog", "cat", "bird")] == [1, 2, 3]
    assert ids.label_map.names == ["dog", "cat", "bird"]


def test_two_classes_of_one_name_are_refused():
    with pytest.raises(UserError, match="two classes are called 'cat'"):
        SharedIds()("train", {1: "cat", 2: "cat"}, {})
