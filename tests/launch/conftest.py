"""The launcher of a test: whatever it started ends with the test."""

import pytest
from launcher_kit import Run


@pytest.fixture
def launch(tmp_path):
    runs = []

    def start(*options, **environment):
        runs.append(Run(tmp_path, *options, **environment))
        return runs[-1]

    yield start
    for run in runs:
        run.close()
