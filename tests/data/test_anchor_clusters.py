"""Clusters of boxes, and the anchors that are made of them."""

import numpy as np
import pytest
import tiny
from google.protobuf import text_format

from od_api.core.errors import UserError
from od_api.core.registry import build
from od_api.data import anchor_clusters
from od_api.data.anchor_clusters import clusters, distances
from od_api.protos import ssd_pb2


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    return tiny.config_for(folder, tiny.make_data(folder, num_images=4))


def test_distance():
    """2 x 3 and 4 x 3: one lies in the other, 6 of 12."""
    np.testing.assert_allclose(
        distances(np.float64([[2, 3]]), np.float64([[4, 3], [2, 3], [3, 2]])),
        [[0.5, 0, 0.5]],
    )


def test_clusters_are_means_of_what_is_near():
    """Two heaps far apart, whatever is drawn first."""
    small = np.float64([[10, 10], [11, 10], [12, 13]])
    large = np.float64([[100, 50], [110, 54]])
    for seed in range(6):
        found = clusters(np.concatenate([large, small]), 2, seed)
        np.testing.assert_allclose(found, [[11, 11], [105, 52]])


def test_as_many_clusters_as_sizes_are_the_sizes():
    sizes = np.float64([[10, 20], [5, 5], [30, 10], [5, 5]])
    np.testing.assert_allclose(clusters(sizes, 3), [[5, 5], [10, 20], [30, 10]])


def test_more_clusters_are_nearer():
    rng = np.random.default_rng(0)
    sizes = rng.lognormal(3, 0.6, (300, 2))
    away = [distances(sizes, clusters(sizes, k)).min(axis=1).mean() for k in (1, 3, 9)]
    assert away[0] > away[1] > away[2]


@pytest.mark.parametrize("count", [0, 3])
def test_more_clusters_than_sizes(count):
    with pytest.raises(UserError, match=f"{count} anchors .* 2 different sizes"):
        clusters(np.float64([[1, 2], [1, 2], [2, 2]]), count)


def test_block_of_a_config(config):
    """It parses, and its detector has as many anchors on each of the four maps."""
    text = anchor_clusters.anchors_of(config, 6)
    assert text.startswith("# The mean IoU")
    message = text_format.Parse(text, ssd_pb2.Ssd()).anchor_generator
    made = build(message)
    assert made.per_location == [2, 2, 1, 1]
    grids = message.flexible_grid_anchor_generator.anchor_grid
    assert [g.height_stride for g in grids] == [16, 32, 48, 96]
    sizes = [s for g in grids for s in g.base_sizes]
    assert sizes == sorted(sizes) and 5 < sizes[0] < sizes[-1] < 96
    config.model.ssd.anchor_generator.CopyFrom(message)
    build(config.model)


def test_fewer_anchors_than_maps(config):
    with pytest.raises(UserError, match="3 anchors are too few: there are 4 maps"):
        anchor_clusters.anchors_of(config, 3)


def test_of_the_command(config, tmp_path, capsys):
    from od_api import cli

    path = tmp_path / "some.config"
    path.write_text(text_format.MessageToString(config))
    assert cli.main(["data", "anchors", str(path), "--count", "4"]) == 0
    assert "flexible_grid_anchor_generator" in capsys.readouterr().out
