"""The batch is halved until it fits, and what is wrong otherwise is said."""

import subprocess

import pytest

from od_api.core.errors import UserError
from od_api.init import batch_search
from od_api.init.batch_search import FoundBatch, found_batch


def trials(monkeypatch, results):
    """Trials end as `results` say, by batch size; returns the sizes that were tried."""
    tried = []

    def run(write_config, size):
        tried.append(size)
        return results[size]

    monkeypatch.setattr(batch_search, "_tried", run)
    return tried


def done(seconds=1.0, peak=100, on_gpu=False):
    return {
        "outcome": "done",
        "seconds": seconds,
        "peak_bytes": peak,
        "on_gpu": on_gpu,
    }


FULL = {"outcome": "memory"}


def test_the_first_that_fits_is_taken(monkeypatch):
    tried = trials(monkeypatch, {16: FULL, 8: done(peak=300), 4: done(2.0, 200)})
    assert found_batch(None, 16, say=str, memory=250) == FoundBatch(4, 2.0, [16, 8])
    assert tried == [16, 8, 4]


def test_what_a_gpu_trains_fits_whatever_the_host_holds(monkeypatch):
    trials(monkeypatch, {16: done(peak=300, on_gpu=True)})
    assert found_batch(None, 16, say=str, memory=250).size == 16


def test_a_machine_too_small_for_one_image_is_told(monkeypatch):
    tried = trials(monkeypatch, {3: FULL, 1: FULL})
    with pytest.raises(UserError, match="even with one image at a time"):
        found_batch(None, 3, say=str, memory=250)
    assert tried == [3, 1]


def test_what_is_wrong_with_the_data_is_said_as_training_would(monkeypatch):
    trials(monkeypatch, {4: {"outcome": "wrong", "message": "a.record: is damaged"}})
    with pytest.raises(UserError, match=r"a\.record: is damaged"):
        found_batch(None, 4, say=str)


@pytest.mark.parametrize(
    ("code", "message"), [(-9, b""), (1, b"terminate: std::bad_alloc")]
)
def test_a_process_that_the_system_ended_was_too_large(code, message, monkeypatch):
    """16 images end it; 8 images: the file that it writes says so."""
    sizes = []

    def run(command, **_):
        if len(sizes) < 2:
            return subprocess.CompletedProcess(command, code, stderr=message)
        with open(command[-1], "w") as file:
            file.write('{"outcome": "done", "seconds": 1, "peak_bytes": 1}')
        return subprocess.CompletedProcess(command, 0, stderr=b"")

    monkeypatch.setattr(batch_search.subprocess, "run", run)
    found = found_batch(lambda size, path: sizes.append(size), 16, say=str, memory=9)
    assert found == FoundBatch(8, 1, [16])


def test_a_process_that_fails_otherwise_is_a_defect(monkeypatch):
    def run(command, **_):
        return subprocess.CompletedProcess(command, 1, stderr=b"KeyError: 'x'")

    monkeypatch.setattr(batch_search.subprocess, "run", run)
    with pytest.raises(RuntimeError, match="KeyError"):
        found_batch(lambda *_: None, 4, say=str)


def test_memory_is_known_here():
    assert 2**28 < batch_search._free_memory() < 2**45
