"""What greedy suppressions share: a subclass says which box removes which."""

import numpy as np
from suppression_kit import check_forms_agree, rows

from od_api.suppressions._greedy import Greedy


class CloseBy(Greedy):
    """A kept box removes those whose `place` lies nearer than .01."""

    columns = ("place",)

    def removes(self, kept, others):
        here, there = kept.columns["place"], others.columns["place"]
        return (here - there[..., 0][:, None]) ** 2 < 1e-4


def test_columns_decide():
    """The first removes the second; the third is .02 away from the first."""
    assert rows(
        CloseBy(),
        np.ones([4, 4]),
        [0.9, 0.8, 0.7, 0.6],
        {"place": [[0.0], [0.005], [0.02], [0.9]]},
    ) == [0, 2, 3]


def test_forms_agree():
    check_forms_agree(CloseBy(), columns=("place",))
