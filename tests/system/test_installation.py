"""Requirements of the package, against metadata that is written here."""

import importlib.metadata

import pytest
from packaging.requirements import Requirement

from od_api.system import installation
from od_api.system.installation import Installed, requirements, version_of

METADATA = """\
Metadata-Version: 2.1
Name: od-api
Version: 9
Provides-Extra: fast
Provides-Extra: none
Requires-Dist: present>=2
Requires-Dist: old<2
Requires-Dist: elsewhere; sys_platform == "nowhere"
Requires-Dist: missing>=1; extra == "fast"
Requires-Dist: present; extra == "fast"
"""


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """od-api 9, present 2.1rc1 and old 3 are installed, and nothing else is asked."""
    texts = {
        "od_api-9": METADATA,
        "present-2.1rc1": "Metadata-Version: 2.1\nName: present\nVersion: 2.1rc1\n",
        "old-3": "Metadata-Version: 2.1\nName: old\nVersion: 3\n",
    }
    for name, text in texts.items():
        folder = tmp_path / f"{name}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(text)
    monkeypatch.setattr("sys.path", [str(tmp_path)])


def test_by_hand(packages):
    """A version before the final one fits; another platform's is not asked for."""
    assert requirements() == {
        "": [
            Installed("present>=2", "2.1rc1", True),
            Installed("old<2", "3", False),
        ],
        "fast": [
            Installed("missing>=1", None, False),
            Installed("present", "2.1rc1", True),
        ],
        "none": [],
    }


def test_versions(packages):
    assert version_of("present") == "2.1rc1"
    assert version_of("missing") is None


def test_a_package_that_is_not_installed_itself(monkeypatch):
    monkeypatch.setattr(installation, "OURS", "no-package-of-this-name")
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        requirements()


def test_the_real_one_needs_what_runs_these_tests():
    found = {Requirement(r.requirement).name: r for r in requirements()[""]}
    assert found["tensorflow"].fits and found["keras"].fits
    assert {"dev", "onnx", "supervision"} <= set(requirements())
