"""Errors: what they print, and how a path grows and moves."""

from od_api.core.errors import ConfigError, UserError


def test_text_is_place_path_and_message():
    assert str(UserError("no such file")) == "no such file"
    assert str(ConfigError("must be 1")) == "must be 1"
    assert str(ConfigError("must be 1", "a.b")) == "a.b: must be 1"
    assert str(ConfigError("must be 1", "a.b", "x:3:4")) == "x:3:4: a.b: must be 1"
    assert isinstance(ConfigError(""), UserError)


def test_within_adds_to_the_path_from_outside():
    error = ConfigError("must be 1", "weight", "x:3:4")
    outer = error.within("loss").within("ssd")
    assert (outer.field_path, outer.location) == ("ssd.loss.weight", "x:3:4")
    assert outer.message == "must be 1" and error.field_path == "weight"
    assert ConfigError("empty").within("loss").field_path == "loss"


def test_within_knows_places_of_lists():
    error = ConfigError("empty", "[2].scale").within("options")
    assert error.field_path == "options[2].scale"


def test_moved_takes_the_longest_start_that_fits():
    places = {"objective": "loss", "objective.sampler": "miner", "obj": "wrong"}
    error = ConfigError("must be 1", "objective.sampler.count")
    assert error.moved(places).field_path == "miner.count"
    error = ConfigError("must be 1", "objective[1].weight", "x:3:4")
    assert error.moved(places).field_path == "loss[1].weight"
    assert error.moved(places).location == "x:3:4"
    other = ConfigError("must be 1", "objectives.weight")
    assert other.moved(places) is other
