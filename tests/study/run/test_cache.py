"""Results of stages under the hash of what they depend on."""

import json

import pytest

from od_api.study.run.cache import StageCache, key_of, write_json


def test_keys_are_of_values_and_not_of_their_order():
    assert key_of({"a": 1, "b": [2]}, "x") == key_of({"b": [2], "a": 1}, "x")
    keys = {key_of(1), key_of("1"), key_of([1]), key_of(1, 1), key_of(2), key_of(None)}
    assert len(keys) == 6
    with pytest.raises(ValueError):
        key_of(float("nan"))


def test_a_result_comes_back_under_its_key(tmp_path):
    cache = StageCache(tmp_path / "cell")
    assert cache.get("train", "k") is None
    cache.put("train", "k", 1.23456, {"loss": 2})
    record = {"key": "k", "seconds": 1.235, "result": {"loss": 2}}
    assert cache.get("train", "k") == record
    assert cache.get("train", "other") is None and cache.get("eval", "k") is None
    cache.put("train", "other", 1, None)
    assert cache.get("train", "k") is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"key": "k"}', "\x00"])
def test_a_damaged_record_is_none(tmp_path, text):
    cache = StageCache(tmp_path)
    (tmp_path / "train.json").write_text(text)
    assert cache.get("train", "k") is None


def test_a_file_is_whole_or_as_it_was(tmp_path):
    path = tmp_path / "new" / "a.json"
    write_json(path, {"x": 1})
    with pytest.raises(ValueError):
        write_json(path, {"x": float("inf")})
    assert json.loads(path.read_text()) == {"x": 1}
    assert [p.name for p in path.parent.iterdir()] == ["a.json"]
