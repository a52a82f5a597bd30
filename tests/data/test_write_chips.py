"""`od-api data chips`, from a config to an index that training reads."""

import pytest
import tiny

from od_api import cli
from od_api.config.loading import load_config
from od_api.config_check import check_config
from od_api.core.errors import ConfigError
from od_api.data.chip_index import read_index
from od_api.data.inputs import EvaluationInput, TrainingInput

CHIPS = 'chips { index_path: "INDEX" scales { min_dimension: 256 max_dimension: 256 '
CHIPS += "chip_size: 96 high: 40 } scales { chip_size: 0 low: 30 } }"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny.make_data(tmp_path_factory.mktemp("data"), num_images=4)


def config_with(folder, data, chips=CHIPS, reader="train_input_reader"):
    chips = chips.replace("INDEX", str(folder / "index.chips"))
    return tiny.write_config(folder, data, f"{reader} {{", f"{reader} {{ {chips}")


def run(*arguments):
    return cli.main(["data", "chips", *map(str, arguments)])


def test_the_index_is_written_and_read(data, tmp_path, capsys):
    path = config_with(tmp_path, data)
    assert run(path) == 0
    said = capsys.readouterr().out
    config = load_config(path)
    index = TrainingInput(config).chips
    paths = TrainingInput(config).paths
    assert f"{index.count(paths)} chips of 4 records" in said
    assert "scale 0: " in said and "scale 1: " in said
    before = (tmp_path / "index.chips").read_bytes()
    run(path, "--seed", 0)
    assert (tmp_path / "index.chips").read_bytes() == before
    run(path, "--seed", 1)
    assert (tmp_path / "index.chips").read_bytes() != before
    assert read_index(config.train_input_reader.chips, paths).count(paths)
    assert not list(tmp_path.glob("*.tmp"))


def test_training_without_the_index_is_refused(data, tmp_path):
    config = load_config(config_with(tmp_path, data))
    with pytest.raises(ConfigError, match="cannot read the index of chips") as caught:
        TrainingInput(config)
    assert caught.value.field_path == "train_input_reader.chips.index_path"


@pytest.mark.parametrize(
    ("chips", "place", "complaint"),
    [
        ("", "", "is not set"),
        ('chips { index_path: "INDEX" }', "chips.scales", "one scale at least"),
        ("chips { scales {} }", "chips.index_path", "the index goes there"),
        (CHIPS.replace("INDEX", "INDEX/x"), "chips.index_path", "no folder"),
        (CHIPS.replace("INDEX", "/"), "chips.index_path", "a folder"),
        (
            CHIPS.replace("high: 40", "high: 1").replace("low: 30", "low: 999"),
            "chips.scales",
            "no object of their sizes",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(
    data, tmp_path, capsys, chips, place, complaint
):
    path = config_with(tmp_path, data, chips)
    assert run(path) == 2
    said = capsys.readouterr().err
    assert complaint in said and "pipeline.config:" in said
    assert f"train_input_reader.{place}".rstrip(".") in said
    assert not (tmp_path / "index.chips").exists()


def test_a_seed_below_0_is_refused(data, tmp_path, capsys):
    assert run(config_with(tmp_path, data), "--seed", -1) == 2
    assert "--seed is -1" in capsys.readouterr().err


def test_evaluation_and_xla_are_refused(data, tmp_path):
    path = config_with(tmp_path, data, reader="eval_input_reader")
    with pytest.raises(ConfigError, match="evaluation sees whole") as caught:
        EvaluationInput(load_config(path), 0)
    assert caught.value.field_path == "eval_input_reader[0].chips"
    assert "eval_input_reader[0].chips" in check_config(path)["message"]
    path = config_with(tmp_path, data)
    with pytest.raises(ConfigError, match="compiles one") as caught:
        TrainingInput(load_config(path, ["train_config.jit_compile=true"]))
    assert caught.value.field_path == "train_input_reader.chips"
