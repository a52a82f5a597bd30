"""The table of the shipped configs."""

import pathlib

from od_api.reference.config_list import config_list, listed_configs

ROOT = pathlib.Path(__file__).parent.parent.parent


def test_the_page_is_what_the_command_prints():
    """`make config-pages` makes it anew."""
    page = (ROOT / "docs" / "shipped_configs.md").read_text("utf-8")
    assert page == config_list()


def test_every_config_has_its_row():
    configs = ROOT / "configs"
    files = {p.relative_to(configs).as_posix() for p in configs.rglob("*.config")}
    rows = {row.name: row for row in listed_configs()}
    assert set(rows) == files
    assert all(row.what and row.size and row.backbone for row in rows.values())
    ssd = rows["ssd/ssd_mobilenet_v1_300x300_coco.config"]
    assert ssd.what.startswith("SSD over MobileNet v1 at 300x300 on COCO")
    assert (ssd.size, ssd.backbone, ssd.weights) == (
        "300x300",
        "mobilenet_v1",
        "Keras, old API",
    )
    assert ssd.scores == "published: 19.3 mAP@[.5:.95] on minival"
    assert (ssd.time, ssd.parameters) == ("81", "6,806,696")
    two_stages = rows["faster_rcnn/faster_rcnn_resnet101_600x1024_coco.config"]
    assert two_stages.size == "600 to 1024" and two_stages.parameters == "48,073,920"
    cells = rows["ssd/ssd_mobilenet_v1_300x300_bccd.config"]
    assert "measured: mAP@.5 .841" in cells.scores
    keypoints = rows["keypoints/cornernet_hourglass104_511x511_coco.config"]
    assert keypoints.scores == "published: COCO AP 40.6 on test-dev, with flips"
