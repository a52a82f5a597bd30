"""Looks at what an installation and a machine have; says the cure of what is wrong."""

import importlib.metadata
import os
import pathlib
import platform
import shutil
from typing import NamedTuple

from od_api.system.free_memory import free_memory
from od_api.system.installation import OURS, requirements, version_of
from od_api.system.processor import cores

OK, NOTE, WRONG = "ok", "note", "wrong"
# Instructions that TensorFlow's kernels use where a CPU has them, the best last.
_INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")
# {package: why it is in the way}
_IN_THE_WAY = {
    "tensorflow-addons": "does not import beside Keras 3; "
    "docs/from_tensorflow_addons.md has what stands in",
    "object-detection": "is the old API, whose name od_api.compat answers to",
    "tf-models-research-object-detection": "is the old API, whose name od_api.compat "
    "answers to",
}
_ENOUGH_MEMORY_GIB = 4


class Observation(NamedTuple):
    """One thing that was looked at.

    Attributes:
      what: its name.
      found: how it is.
      state: OK, NOTE (it could be better) or WRONG (something will fail).
      cure: what to do; "" for nothing.
    """

    what: str
    found: str
    state: str = OK
    cure: str = ""


def observations():
    """List of Observation: packages, settings, processor, memory and accelerators."""
    return [
        Observation("Python", platform.python_version()),
        *_packages(),
        *_settings(os.environ),
        *_processor(_cpu_flags()),
        *_memory(free_memory()),
        *_accelerators(),
    ]


def _packages():
    try:
        wanted = requirements()
    except importlib.metadata.PackageNotFoundError:
        return [Observation(OURS, "not installed", WRONG, "pip install od-api")]
    found = [Observation(OURS, version_of(OURS))]
    for needed in wanted.pop(""):
        state, cure = (OK, "") if needed.fits else (WRONG, _pip(needed.requirement))
        name = needed.version or "not installed"
        if not needed.fits and needed.version:
            name += f", and {needed.requirement} is needed"
        found.append(Observation(_name(needed.requirement), name, state, cure))
    for extra, entries in wanted.items():
        found.append(_extra(extra, entries))
    for package, why in _IN_THE_WAY.items():
        if version := version_of(package):
            cure = f"it {why}: pip uninstall {package}"
            found.append(Observation(package, version, WRONG, cure))
    return found


def _extra(extra, entries):
    """An Observation of an extra: all of it, a part or nothing is there."""
    missing = [e.requirement for e in entries if e.version is None]
    unfit = [e.requirement for e in entries if e.version and not e.fits]
    cure = f"pip install '{OURS}[{extra}]'"
    what = f"extra {extra}"
    if unfit:
        return Observation(what, f"needs {', '.join(unfit)}", WRONG, cure)
    if missing:
        return Observation(what, f"lacks {', '.join(missing)}", NOTE, cure)
    versions = (f"{_name(e.requirement)} {e.version}" for e in entries)
    return Observation(what, ", ".join(versions))


def _name(requirement):
    return requirement.split("[")[0].rstrip("0123456789.,<>=!~*")


def _pip(requirement):
    return f"pip install '{requirement}'"


def _settings(environment):
    backend = environment.get("KERAS_BACKEND", "tensorflow")
    if backend != "tensorflow":
        cure = "unset KERAS_BACKEND: the detectors are TensorFlow's"
        yield Observation("KERAS_BACKEND", backend, WRONG, cure)
    if environment.get("TF_USE_LEGACY_KERAS", "0").lower() in ("1", "true"):
        cure = "unset TF_USE_LEGACY_KERAS: od_api is for Keras 3"
        yield Observation("TF_USE_LEGACY_KERAS", "set", WRONG, cure)
    if environment.get("TF_ENABLE_ONEDNN_OPTS") == "0":
        cure = "unset TF_ENABLE_ONEDNN_OPTS: oneDNN's kernels are much faster"
        yield Observation("oneDNN", "switched off", NOTE, cure)
    else:
        yield Observation("oneDNN", "on")


def _cpu_flags():
    """The flags that Linux lists; None elsewhere."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return None
    # "flags" on x86, "Features" on ARM.
    found = [ln for ln in lines if ln.startswith(("flags", "Features"))]
    return set(found[0].split(":")[1].split()) if found else None


def _processor(flags):
    machine = platform.machine()
    found = f"{cores()} of {os.cpu_count()} cores for this process, {machine}"
    if flags is None or machine not in ("x86_64", "AMD64"):
        return [Observation("processor", found)]
    if "avx" not in flags:
        cure = "TensorFlow's packages need AVX: use another machine, or build it"
        return [Observation("processor", f"{found}, no AVX", WRONG, cure)]
    known = [name for name in _INSTRUCTIONS if name in flags]
    seen = [Observation("processor", f"{found}, {', '.join(known) or 'avx'}")]
    if not {"avx512_bf16", "amx_bf16"} & flags:
        cure = "bfloat16 will be slower than float32 here"
        seen.append(Observation("bfloat16 in hardware", "no", NOTE, cure))
    return seen


def _memory(free):
    if free is None:
        return []
    free /= 2**30
    found = f"{free:.1f} GiB free"
    if free < _ENOUGH_MEMORY_GIB:
        cure = "train with a smaller batch or smaller images, or end other programs"
        return [Observation("memory", found, NOTE, cure)]
    return [Observation("memory", found)]


def _accelerators():
    """What TensorFlow sees, against what its build is made for."""
    try:
        import tensorflow as tf
    except Exception as error:  # whatever a broken installation raises
        reason = str(error).strip().split("\n")[0]
        cure = "pip install --force-reinstall 'tensorflow'"
        return [Observation("import tensorflow", reason, WRONG, cure)]
    build = tf.sysconfig.get_build_info()
    gpus = [
        tf.config.experimental.get_device_details(device)
        for device in tf.config.list_physical_devices("GPU")
    ]
    return _gpus(gpus, build, has_nvidia_driver())


def has_nvidia_driver():
    """Whether a driver of NVIDIA is there, which TensorFlow may see or not."""
    return bool(shutil.which("nvidia-smi")) or pathlib.Path("/dev/nvidiactl").exists()


def _gpus(details, build, has_driver):
    """Observations of GPUs.

    Args:
      details: dicts with `device_name` and `compute_capability`, of the GPUs that
        TensorFlow sees.
      build: `tf.sysconfig.get_build_info()`.
      has_driver: whether the machine has a driver of NVIDIA.
    """
    if not details and not has_driver:
        return [Observation("GPU", "none")]
    if not details and not build.get("is_cuda_build"):
        cure = "this TensorFlow is for CPUs alone: pip install 'tensorflow[and-cuda]'"
        return [Observation("GPU", "not seen by TensorFlow", WRONG, cure)]
    if not details:
        cure = (
            f"TensorFlow was built for CUDA {build.get('cuda_version')} and cuDNN "
            f"{build.get('cudnn_version')}, and does not find them: pip install "
            "'tensorflow[and-cuda]', and look at CUDA_VISIBLE_DEVICES"
        )
        return [Observation("GPU", "not seen by TensorFlow", WRONG, cure)]
    return [_gpu(one, build) for one in details]


def _gpu(details, build):
    name, capability = details.get("device_name", "GPU"), details["compute_capability"]
    found = f"{name}, compute capability {'.'.join(map(str, capability))}"
    number = capability[0] * 10 + capability[1]
    compiled = build.get("cuda_compute_capabilities", [])
    # A binary runs on later devices of its major version, PTX on all later ones.
    binaries = [int(c[3:]) for c in compiled if c.startswith("sm_")]
    portable = [int(c[8:]) for c in compiled if c.startswith("compute_")]
    if any(b // 10 == capability[0] and b <= number for b in binaries):
        return Observation("GPU", found)
    if any(p <= number for p in portable):
        cure = (
            "the first start compiles TensorFlow's kernels for it, which takes minutes;"
            " they are kept (raise CUDA_CACHE_MAXSIZE if every start takes as long)"
        )
        return Observation("GPU", found, NOTE, cure)
    cure = (
        f"this TensorFlow is built for {', '.join(compiled) or 'no GPU'}: use another "
        "version of it, or a newer GPU"
    )
    return Observation("GPU", found, WRONG, cure)
