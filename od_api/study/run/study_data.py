"""Synthetic scenes for a grid that has no records of its own."""

import contextlib
import fcntl
import pathlib

# Different images to time where there are no records.
FEW_SCENES = 20
_SPLITS = {"train": ("training_images", 1), "held_out": ("evaluation_images", 2)}
_FIELDS = ("training_images", "evaluation_images", "size", "difficulty")


def data_settings(scenes):
    """What the scenes depend on, as JSON values; None without scenes."""
    return scenes and [getattr(scenes, field) for field in _FIELDS]


def data_overrides(root, scenes):
    """Settings of a pipeline config that name the scenes, which are made if missing.

    Args:
      root: folder of the results; the scenes go to `data` in it.
      scenes: SyntheticScenes, or None for no settings at all.
    """
    if scenes is None:
        return ()
    folders = {split: _folder(root, scenes, split) for split in _SPLITS}
    with _lock(pathlib.Path(root) / "data"):
        for split, folder in folders.items():
            if not folder.exists():
                _make(folder, scenes, split)
    overrides = []
    readers = {"train": "train_input_reader", "held_out": "eval_input_reader"}
    for split, reader in readers.items():
        path = folders[split].resolve()
        overrides += [
            f"{reader}.label_map_path={path}/label_map.pbtxt",
            f'{reader}.tf_record_input_reader.input_path=["{path}/scenes.record-*"]',
        ]
    return tuple(overrides)


def synthetic_images(side, count):
    """`count` scenes, uint8 [side, side, 3], the same ones for the same size."""
    import numpy as np

    from od_api.data.synthetic.scenes import DIFFICULTIES, make_scene

    rng, easy = np.random.default_rng(0), DIFFICULTIES["easy"]
    planes = [make_scene(rng, (side, side), easy)[0] for _ in range(count)]
    return [np.moveaxis(image, 0, -1) for image in planes]


def _folder(root, scenes, split):
    """Named after its contents: other scenes are in another folder."""
    images = getattr(scenes, _SPLITS[split][0])
    name = f"{split}_{images}_{scenes.size}px_{scenes.difficulty}"
    return pathlib.Path(root) / "data" / name


def _make(folder, scenes, split):
    from od_api.data.synthetic.synth import generate_records

    field, seed = _SPLITS[split]
    generate_records(
        folder,
        num_images=getattr(scenes, field),
        seed=seed,
        split=split,
        image_size=(scenes.size, scenes.size),
        difficulty=scenes.difficulty,
    )


@contextlib.contextmanager
def _lock(folder):
    """One process at a time: shards of a grid begin together."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
