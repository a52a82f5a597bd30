"""`import object_detection`, answered by ours."""

import importlib
import sys

import pytest

from od_api.compat import install, shim
from od_api.core.errors import UserError


@pytest.fixture
def installed():
    """The shim, taken away afterwards."""
    install()
    yield
    sys.meta_path[:] = [f for f in sys.meta_path if not isinstance(f, shim._Finder)]
    for name in [n for n in sys.modules if n.split(".")[0] == "object_detection"]:
        del sys.modules[name]


@pytest.mark.parametrize("name", shim.MODULES)
def test_every_name_has_its_contents(installed, name):
    old, ours = (
        importlib.import_module(name),
        importlib.import_module(shim.MODULES[name]),
    )
    names = [n for n in vars(ours) if not n.startswith("_")]
    assert names and all(getattr(old, n) is getattr(ours, n) for n in names)
    assert ours.__name__ == ours.__spec__.name == shim.MODULES[name]


def test_the_ways_to_import(installed):
    from object_detection.protos import pipeline_pb2
    from object_detection.utils import label_map_util
    from object_detection.utils import visualization_utils as viz_utils

    assert label_map_util.create_category_index([{"id": 3, "name": "a"}]) == {
        3: {"id": 3, "name": "a"}
    }
    assert viz_utils.encode_image_array_as_png_str
    assert pipeline_pb2.TrainEvalPipelineConfig().model is not None


def test_what_is_not_there_says_so(installed):
    with pytest.raises(ImportError, match=r"no object_detection\.utils\.shape_utils"):
        from object_detection.utils import shape_utils  # noqa: F401
    with pytest.raises(ImportError, match=r"did you mean .*utils.config_util"):
        import object_detection.utils.configs_util
    with pytest.raises(ImportError, match=r"docs/migrating\.md"):
        import object_detection.core.standard_fields  # noqa: F401


def test_twice_is_once(installed):
    finders = list(sys.meta_path)
    install()
    assert sys.meta_path == finders


def test_the_old_api_itself_is_not_shadowed(tmp_path, monkeypatch):
    (tmp_path / "object_detection").mkdir()
    (tmp_path / "object_detection" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match="object_detection is installed here"):
        install()
    assert not any(isinstance(f, shim._Finder) for f in sys.meta_path)


def test_nothing_is_found_before():
    with pytest.raises(ModuleNotFoundError):
        import object_detection  # noqa: F401
