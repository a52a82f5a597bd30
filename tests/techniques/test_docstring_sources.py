"""Publications in docstrings."""

import pytest

from od_api.losses.balanced_l1 import BalancedL1Loss
from od_api.necks.ssd_feature_maps import SsdFeatureMaps
from od_api.resizers.identity_resizer import IdentityResizer
from od_api.techniques.docstring_sources import source_in, source_of

CASES = {
    "A loss. Source: Doe et al.,\n  A Loss, ICCV 2019, equation 1. More.": (
        "Doe et al., A Loss, ICCV 2019, equation 1"
    ),
    "A (Doe et al., CVPR 2018), or B (Roe and Poe, arXiv 1707.1), of (2, 3).": (
        "Doe et al., CVPR 2018; Roe and Poe, arXiv 1707.1"
    ),
    "Made in 2019 (for v in 0..255).": "",
    "A part.\nArgs:\n  x: as there (Doe et al., CVPR 2018).": "",
}


@pytest.mark.parametrize(("text", "source"), CASES.items())
def test_source_in(text, source):
    assert source_in(text) == source


def test_source_of_parts():
    """One behind "Source:", one in the first line, none."""
    found = [source_of(part) for part in (BalancedL1Loss, SsdFeatureMaps)]
    libra = "Pang et al., Libra R-CNN, CVPR 2019, equations 6 to 9, where beta is 1"
    assert found == [libra, "Liu et al., ECCV 2016"]
    assert source_of(IdentityResizer) == ""


def test_the_module_speaks_for_its_class():
    from od_api.backbones.inception_resnet_v2 import InceptionResnetV2

    assert source_of(InceptionResnetV2) == "Szegedy et al., AAAI 2017"
