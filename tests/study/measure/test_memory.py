"""The peak of memory from a moment on."""

import numpy as np
import pytest

from od_api.study.measure import memory

MEGABYTE = 2**20


def test_the_peak_holds_what_was_given_back(monkeypatch):
    """40 MB of ones that are let go again, and no peak that falls."""
    monkeypatch.setattr("tensorflow.config.list_physical_devices", lambda kind: [])
    peak = memory.PeakMemory()
    assert peak.kind == "resident set"
    before = peak.bytes()
    numbers = np.ones(40 * MEGABYTE, np.uint8)
    assert numbers.sum() == 40 * MEGABYTE
    del numbers
    after = peak.bytes()
    assert after >= before and after >= 30 * MEGABYTE


def test_lines_of_the_status(tmp_path, monkeypatch):
    status = tmp_path / "status"
    status.write_text("VmHWM:\t    1024 kB\nVmRSS:\t      12 kB\n")
    monkeypatch.setattr(memory, "_STATUS", status)
    assert memory._resident("VmRSS") == 12 * 1024
    assert memory._resident("VmHWM") == MEGABYTE
    with pytest.raises(OSError, match="has no VmSwap"):
        memory._resident("VmSwap")
