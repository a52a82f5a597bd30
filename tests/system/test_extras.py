"""Packages that are not installed with the package."""

import math

import pytest

from od_api.core.errors import UserError
from od_api.system.extras import needed


def test_a_module_that_is_there():
    assert needed("math", extra="none") is math


def test_what_is_missing_is_named_with_its_extra():
    words = r"package some-thing,.*pip install 'od-api\[video\]', or pip install some-t"
    with pytest.raises(UserError, match=words):
        needed("some_thing_else", extra="video", package="some-thing")
