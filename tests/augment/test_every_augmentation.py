"""What holds for every augmentation, whatever it does."""

import pytest
import tensorflow as tf
from augment_samples import assert_consistent, assert_equal, sample, seed
from google.protobuf import text_format

from od_api.core.registry import build
from od_api.data.portable import traced_to_send
from od_api.protos import preprocessor_pb2

# Fields that a step cannot do without, and settings that make a rare change happen.
SETTINGS = {
    "normalize_image": "original_maxval: 255",
    "random_horizontal_flip": "keypoint_flip_permutation: [1, 0] probability: 1",
    "random_vertical_flip": "keypoint_flip_permutation: [1, 0] probability: 1",
    "random_rotation90": "keypoint_rot_permutation: [1, 0] probability: 1",
    "random_rgb_to_gray": "probability: 1",
    "random_absolute_pad_image": "max_height_padding: 5 max_width_padding: 9",
    "random_resize_method": "target_height: 30 target_width: 20",
    "resize_image": "new_height: 30 new_width: 20",
    "subtract_channel_mean": "means: [123.7, 116.8, 103.9]",
    "random_self_concat_image": (
        "concat_vertical_probability: 0.7 concat_horizontal_probability: 0.7"
    ),
    "drop_label_probabilistically": "label: 1",
    "remap_labels": "original_labels: [1, 2] new_label: 3",
    "random_downscale_to_target_pixels": (
        "min_target_pixels: 200 max_target_pixels: 900"
    ),
    "random_patch_gaussian": "min_patch_size: 5 max_patch_size: 30",
    "random_scale_crop_and_pad_to_square": "output_size: 50",
    "random_square_crop_by_scale": "max_border: 16",
}
ONEOF = preprocessor_pb2.PreprocessingStep.DESCRIPTOR.oneofs[0]
STEPS = [field.name for field in ONEOF.fields]
SPEC = {
    name: tf.TensorSpec([None, *value.shape[1:]], value.dtype)
    for name, value in sample().items()
    if name not in ("image", "masks", "image_id")
} | {
    "image": tf.TensorSpec([None, None, 3], tf.float32),
    "masks": tf.TensorSpec([None, None, None], tf.uint8),
    "image_id": tf.TensorSpec([], tf.string),
}


def make(name):
    step = preprocessor_pb2.PreprocessingStep()
    getattr(step, name).SetInParent()
    text_format.Parse(SETTINGS.get(name, ""), getattr(step, name))
    return build(step)


@pytest.mark.parametrize("name", STEPS)
def test_step(name):
    """Eagerly and in tf.data with unknown sizes: the same, consistent, of known rank.

    The graph holds nothing of this process, so asynchronous workers can run it.
    Each seed is used twice eagerly: nothing but the seed may decide.
    """
    augment = make(name)
    inputs = [sample(), sample(boxes=[])] * 3
    seeds = [seed(number) for number in range(len(inputs))]
    data = tf.data.Dataset.from_generator(
        lambda: zip(inputs, seeds, strict=True),
        output_signature=(SPEC, tf.TensorSpec([2], tf.int32)),
    )
    data = data.map(traced_to_send(augment, data.element_spec))
    assert data.element_spec["image"].shape[2] == 3
    assert data.element_spec["boxes"].shape[1] == 4
    for before, its_seed, result in zip(inputs, seeds, data, strict=True):
        assert result.keys() == before.keys()
        assert_consistent(result)
        again = augment(before, its_seed)
        # Kernels may be fused in a graph, hence the last digits.
        assert_equal(result, again, atol=2e-3)
        assert_equal(again, augment(before, its_seed))


@pytest.mark.parametrize(
    "name", [name for name in STEPS if getattr(make(name), "keeps_bytes", False)]
)
def test_bytes_go_where_floats_go(name):
    augment = make(name)
    image = tf.cast(sample()["image"], tf.uint8)
    for number in range(8):
        read = {**sample(), "image": image}
        moved = augment(read, seed(number))
        assert moved["image"].dtype == tf.uint8
        floats = augment({**read, "image": tf.cast(image, tf.float32)}, seed(number))
        assert_equal({**moved, "image": tf.cast(moved["image"], tf.float32)}, floats)


def test_every_step_has_a_part():
    """One for each of the 39 members of PreprocessingStep."""
    assert len(STEPS) == 39
    for name in STEPS:
        assert callable(make(name)), name
