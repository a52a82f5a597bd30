"""Folders of work in progress: whose owner lives stays, whose owner died goes."""

import os
import subprocess
import sys

import pytest

from od_api.system.leftovers import owned_folder, sweep, workspace

_OWNER = """
import sys
from od_api.system.leftovers import workspace
with workspace(sys.argv[1]) as folder:
    (folder / "half").write_text("half")
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def start(tmp_path):
    """Starts a process that works on a target: (process, its folder's name)."""
    processes = []

    def run(target):
        process = subprocess.Popen(
            [sys.executable, "-c", _OWNER, target],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process, os.path.basename(process.stdout.readline().strip())

    yield run
    for process in processes:
        process.kill()
        process.communicate()


def test_a_folder_of_its_own_that_goes(tmp_path):
    with workspace(tmp_path / "new" / "x") as folder:
        assert folder.parent == tmp_path / "new" and folder.is_dir()
        assert folder.name.startswith(".x.unfinished-")
        (folder / "file").write_text("done")
        (folder / "file").rename(tmp_path / "x")
    assert [p.name for p in (tmp_path / "new").iterdir()] == []
    assert (tmp_path / "x").read_text() == "done"


def test_an_error_removes_it_too(tmp_path):
    with pytest.raises(RuntimeError), workspace(tmp_path / "x") as folder:
        (folder / "file").write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_the_result_may_be_the_folder_itself(tmp_path):
    """Its rights are those of any new folder, so that others can read the result."""
    with workspace(tmp_path / "x") as folder:
        (folder / "file").write_text("done")
        folder.rename(tmp_path / "x")
    (tmp_path / "y").mkdir()
    assert [p.name for p in (tmp_path / "x").iterdir()] == ["file"]
    assert (tmp_path / "x").stat().st_mode == (tmp_path / "y").stat().st_mode


def test_a_killed_owners_folder_goes_with_the_next_run(start, tmp_path):
    process, name = start(tmp_path / "x")
    process.kill()
    process.wait()
    assert (tmp_path / name / "half").exists()
    with workspace(tmp_path / "other"):
        assert (tmp_path / name).exists(), "another target's"
    with workspace(tmp_path / "x"):
        assert not (tmp_path / name).exists()


def test_a_living_owners_folder_stays(start, tmp_path):
    _, name = start(tmp_path / "x")
    with workspace(tmp_path / "x") as folder:
        assert (tmp_path / name / "half").exists() and folder.name != name
    assert sweep(tmp_path, ".x.unfinished-") == []


def test_what_only_looks_alike_stays(tmp_path):
    for name in (".x.unfinished-notes", ".x.unfinished-0123456789", "x"):
        (tmp_path / name).mkdir()
    (tmp_path / ".x.unfinished-01234567").write_text("a file")
    (tmp_path / ".x.unfinished-76543210").symlink_to(tmp_path / "x")
    (tmp_path / ".x.unfinished-00000000").mkdir()
    assert sweep(tmp_path, ".x.unfinished-") == [tmp_path / ".x.unfinished-00000000"]
    assert len(list(tmp_path.iterdir())) == 5
    with owned_folder(tmp_path, "job-") as folder:
        assert folder.name.startswith("job-")
