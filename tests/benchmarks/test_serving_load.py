"""A bounded load on a server: how many requests it sends, and what it says of them."""

import pathlib
import sys
import threading

import pytest

BENCHMARKS = pathlib.Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import serving_load  # noqa: E402


def test_as_many_requests_as_were_asked_for():
    """Ten of three clients, beside those that warm up; images are sent in turn."""
    sent, lock = [], threading.Lock()

    def find(image):
        with lock:
            sent.append(image)

    found = serving_load.load(find, ["a", "b"], requests=10, threads=3, seconds=60)
    assert found["requests"] == 10
    measured = sent[serving_load.WARM_UP :]
    assert sorted(measured) == ["a"] * 5 + ["b"] * 5
    assert 0 < found["p50_ms"] <= found["p90_ms"] <= found["p99_ms"]


def test_a_load_that_takes_too_long_ends():
    with pytest.raises(TimeoutError, match="no request began within 0 s"):
        serving_load.load(lambda image: None, ["a"], requests=10, threads=2, seconds=0)


def test_what_fails_is_not_counted_but_said():
    def find(image):
        raise OSError("refused")

    with pytest.raises(OSError, match="refused"):
        serving_load.load(find, ["a"], requests=10, threads=2, seconds=60)
