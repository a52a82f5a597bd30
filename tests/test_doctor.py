"""What `od-api doctor` says of installations and machines that are described to it."""

import json

import pytest

from od_api import cli, doctor
from od_api.doctor import NOTE, OK, WRONG
from od_api.system.installation import Installed, requirements

BUILD = {
    "is_cuda_build": True,
    "cuda_version": "12.5.1",
    "cudnn_version": "9",
    "cuda_compute_capabilities": ["sm_60", "sm_70", "sm_80", "sm_89", "compute_90"],
}


def only(found):
    (one,) = found
    return one


def test_this_installation_is_in_order(capsys):
    """Extras may be missing; nothing that the package needs is."""
    assert cli.main(["doctor", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    states = {one["what"]: one["state"] for one in found}
    assert states["tensorflow"] == states["keras"] == states["processor"] == OK
    assert WRONG not in states.values()
    assert all(one["cure"] for one in found if one["state"] != OK)


def test_table_shows_the_cure_and_the_status_says_it(monkeypatch, capsys):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setattr(doctor, "_accelerators", list)
    assert cli.main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "-> unset KERAS_BACKEND" in out


def test_requirements_are_those_of_the_package():
    found = requirements()
    names = [entry.requirement for entry in found[""]]
    assert any(name.startswith("tensorflow") for name in names)
    assert any(e.requirement.startswith("pytest") for e in found["dev"])
    assert all(e.fits and e.version for e in found[""])


def test_packages_that_do_not_fit(monkeypatch):
    wanted = {
        "": [Installed("keras>=3.12", "3.4.0", False), Installed("rich", None, False)],
        "ray": [Installed("ray", None, False)],
        "dev": [Installed("pytest", "9.0", True), Installed("scipy>=1", "0.9", False)],
    }
    monkeypatch.setattr(doctor, "requirements", lambda: wanted)
    monkeypatch.setattr(
        doctor,
        "version_of",
        lambda name: {"od-api": "1", "tensorflow-addons": "0.23"}.get(name),
    )
    _, keras, rich, ray, dev, addons = doctor._packages()
    assert (keras.state, keras.cure) == (WRONG, "pip install 'keras>=3.12'")
    assert keras.found == "3.4.0, and keras>=3.12 is needed"
    assert (rich.what, rich.found) == ("rich", "not installed")
    assert (ray.state, ray.cure) == (NOTE, "pip install 'od-api[ray]'")
    assert (dev.state, dev.found) == (WRONG, "needs scipy>=1")
    assert addons.state == WRONG and "pip uninstall tensorflow-addons" in addons.cure


@pytest.mark.parametrize(
    ("settings", "states"),
    [
        ({}, {"oneDNN": OK}),
        ({"TF_ENABLE_ONEDNN_OPTS": "0"}, {"oneDNN": NOTE}),
        ({"TF_USE_LEGACY_KERAS": "1"}, {"TF_USE_LEGACY_KERAS": WRONG, "oneDNN": OK}),
        ({"TF_USE_LEGACY_KERAS": "0"}, {"oneDNN": OK}),
    ],
)
def test_settings(settings, states):
    assert {one.what: one.state for one in doctor._settings(settings)} == states


@pytest.mark.parametrize(
    ("flags", "states"),
    [
        ({"sse4_2"}, [WRONG]),
        ({"avx", "avx2"}, [OK, NOTE]),
        ({"avx", "avx2", "avx512_bf16"}, [OK]),
        (None, [OK]),
    ],
)
def test_processor(flags, states, monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert [one.state for one in doctor._processor(flags)] == states


def test_memory():
    assert only(doctor._memory(16 * 2**30)).state == OK
    assert only(doctor._memory(1.5 * 2**30)).state == NOTE
    assert doctor._memory(None) == []


@pytest.mark.parametrize(
    ("capability", "state"),
    [
        ((8, 0), OK),  # sm_80
        ((8, 6), OK),  # sm_80 runs on it
        ((9, 0), NOTE),  # PTX of compute_90
        ((12, 0), NOTE),
        ((5, 2), WRONG),
    ],
)
def test_a_gpu_against_what_tensorflow_was_built_for(capability, state):
    details = [{"device_name": "G", "compute_capability": capability}]
    assert only(doctor._gpus(details, BUILD, True)).state == state


def test_a_gpu_that_tensorflow_does_not_see():
    assert only(doctor._gpus([], BUILD, False)).state == OK
    hidden = only(doctor._gpus([], BUILD, True))
    assert hidden.state == WRONG and "CUDA 12.5.1" in hidden.cure
    for_cpus = only(doctor._gpus([], {"is_cuda_build": False}, True))
    assert "for CPUs alone" in for_cpus.cure
