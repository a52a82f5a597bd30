"""What quantises is none of the extra `dev`: without it tests are skipped, unless
OD_API_INT8 says that it has to be there, as in CI."""

import importlib.util
import os

import pytest


def needs(package):
    """Marks a test that runs where a package is."""
    is_here = importlib.util.find_spec(package) is not None
    return pytest.mark.skipif(
        not os.environ.get("OD_API_INT8") and not is_here,
        reason=f"{package} is not here: pip install 'od-api[int8]' to run it",
    )
