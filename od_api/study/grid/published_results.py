"""The study's printed results (Huang et al., CVPR 2017): Tables 3 to 6 and its text.

APs are percent. What the study shows in figures alone has no numbers here.
"""

from typing import NamedTuple

SOURCE = "Huang et al., CVPR 2017"


class CriticalPoint(NamedTuple):
    """A row of Table 3; None where the table does not say.

    `resolution` is "low" or None, mAPs are of the study's held-out images ("minival")
    and of COCO's test-dev.
    """

    role: str
    meta_architecture: str
    extractor: str
    resolution: str | None
    stride: int | None
    proposals: int | None
    minival: float
    test_dev: float


CRITICAL_POINTS = [
    CriticalPoint("fastest", "SSD", "MobileNet", "low", None, None, 19.3, 18.8),
    CriticalPoint("fastest", "SSD", "Inception V2", "low", None, None, 22.0, 21.6),
    CriticalPoint(
        "sweet spot", "Faster R-CNN", "ResNet-101", None, None, 100, 32.0, 31.9
    ),
    CriticalPoint("sweet spot", "R-FCN", "ResNet-101", None, None, 300, 30.4, 30.3),
    CriticalPoint(
        *("most accurate", "Faster R-CNN", "Inception-ResNet-v2"),
        *(None, 8, 300, 35.7, 35.6),
    ),
]


class System(NamedTuple):
    """A row of Table 4 (2016 test-challenge) or Table 6 (test-dev)."""

    table: str
    name: str
    map: float
    map_50: float
    map_75: float
    map_small: float
    map_medium: float
    map_large: float
    ar_100: float | None = None
    ar_small: float | None = None
    ar_medium: float | None = None
    ar_large: float | None = None


_T4, _T6 = "4 (2016 test-challenge)", "6 (test-dev)"
SYSTEMS = [
    System(
        *(_T4, "the study's ensemble", 41.3, 62.0, 45.0, 23.1, 43.6, 54.7),
        *(60.4, 42.4, 64.1, 74.8),
    ),
    System(
        *(_T4, "MSRA 2015", 37.1, 58.8, 39.8, 17.3, 41.5, 52.5),
        *(48.9, 26.7, 55.2, 67.9),
    ),
    System(
        *(_T4, "Trimps-Soushen", 35.9, 58.0, 38.3, 15.8, 40.7, 50.9),
        *(49.7, 26.9, 55.7, 68.3),
    ),
    System(
        *(_T6, "Faster R-CNN, Inception-ResNet-v2, alone"),
        *(34.7, 55.5, 36.7, 13.5, 38.1, 52.0),
    ),
    System(
        *(_T6, "hand-picked ensemble, multi-crop"),
        *(41.0, 61.7, 44.9, 23.6, 43.0, 54.2),
    ),
    System(
        *(_T6, "diverse ensemble, multi-crop"),
        *(41.6, 61.9, 45.4, 23.9, 43.5, 54.9),
    ),
]


class Member(NamedTuple):
    """A row of Table 5: a Faster R-CNN of the study's ensemble."""

    map: float
    extractor: str
    stride: int
    loss_weights: str
    location_loss: str


MEMBERS = [
    Member(32.93, "ResNet-101", 8, "3:1", "Smooth-L1"),
    Member(33.3, "ResNet-101", 8, "1:1", "Smooth-L1"),
    Member(34.75, "Inception-ResNet-v2", 16, "1:1", "Smooth-L1"),
    Member(35.0, "Inception-ResNet-v2", 16, "2:1", "Smooth-L1"),
    Member(35.64, "Inception-ResNet-v2", 8, "1:1", "Smooth-L1 + IoU"),
]

# Faster R-CNN with Inception-ResNet-v2: {number of proposals: mAP}.
PROPOSALS = {10: 29.0, 300: 35.4}
# The share of the accuracy of 300 proposals that 50 of them keep, and of the time.
ACCURACY_KEPT_AT_50 = 96.0
TIME_KEPT_AT_50 = 100.0 / 3
# Half the side, percent of accuracy lost and of time saved (section 4.1.5).
ACCURACY_LOST_BY_HALVING = 15.88
TIME_SAVED_BY_HALVING = 27.4
# Stride 8 instead of 16, percent of mAP (relative) and of time gained.
ACCURACY_GAINED_BY_STRIDE = 5.0
TIME_ADDED_BY_STRIDE = 63.0
# Of AP@.75 with overall AP: "greater than".
R_SQUARED_OF_75 = 0.99
# Total memory of MobileNet's models is below this in almost all settings.
MOBILENET_MEMORY_GB = 1.0
