"""What the repository's configs tell of themselves."""

import pytest

from od_api.techniques.shipped_configs import shipped_configs

BASE = """# A pipeline.
model {
  ssd {
    feature_extractor { type: "ssd_mobilenet_v1" }
    box_coder { square_box_coder {} }
  }
}
"""
TECHNIQUE = """# GIoU (Doe et al., CVPR 2019),
# over the base.
# system: T61
base: "../ssd/plain.config"
model { ssd { loss { localization_loss { weighted_giou {} } } } }
"""


@pytest.fixture
def configs(tmp_path):
    folder = tmp_path / "configs"
    for name, text in (
        ("ssd/plain.config", BASE),
        ("techniques/giou.config", TECHNIQUE),
    ):
        path = folder / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    return shipped_configs(folder)


def names(messages):
    return {name.rpartition(".")[2] for name in messages}


def test_header(configs):
    plain, giou = configs
    assert (plain.path, plain.title, plain.systems) == (
        "configs/ssd/plain.config",
        "A pipeline.",
        [],
    )
    assert giou.systems == ["T61"] and giou.is_technique
    assert giou.title == "GIoU (Doe et al., CVPR 2019), over the base."
    assert giou.source == "Doe et al., CVPR 2019"


def test_messages(configs):
    """The base's too, and the parts that a `type` stands for."""
    plain, giou = configs
    giou_loss = "WeightedGIOULocalizationLoss"
    assert {"SquareBoxCoder", "MobilenetV1", giou_loss} <= names(giou.messages)
    assert giou_loss in names(giou.own) and "SquareBoxCoder" not in names(giou.own)
    assert giou_loss not in names(plain.messages)


def test_rank(configs):
    """Own lines of a technique, then pipelines, then what a technique inherits."""
    plain, giou = configs
    coder = "od_api.protos.SquareBoxCoder"
    loss = "od_api.protos.WeightedGIOULocalizationLoss"
    assert (giou.rank(loss), plain.rank(coder), giou.rank(coder)) == (0, 1, 2)


def test_no_folder_is_said(tmp_path, caplog):
    """As where the package is installed without the repository."""
    assert shipped_configs(tmp_path / "configs") == []
    assert "no configs are named" in caplog.text
