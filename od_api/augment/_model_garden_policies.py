"""AutoAugment's policies of the TensorFlow Model Garden, by name.

tf-models-official has them as data, and they are read from there: "model_garden/svhn"
is its AutoAugment(augmentation_name="svhn"). Those that were learned for classification
move the image alone there; here the boxes move along.
"""

PREFIX = "model_garden/"
# What moves an image of a classifier, and the operation that moves boxes with it.
_WITH_BOXES = {
    name: f"{name}_BBox"
    for name in ("Rotate", "ShearX", "ShearY", "TranslateX", "TranslateY")
}


def policy(name):
    """The sub-policies of a policy: lists of (operation, probability, level).

    Args:
      name: PREFIX and a name that tf-models-official knows, such as detection_v0,
        reduced_imagenet, reduced_cifar10 or svhn.

    Raises:
      ValueError: it has no such policy, or it is not installed.
    """
    try:
        from official.vision.ops import augment
    except ImportError as error:
        raise ValueError(
            f"policy_name is {name}, which tf-models-official has, and that cannot be "
            f"imported ({error}): pip install 'od-api[model-garden]', which needs "
            "TensorFlow 2.20"
        ) from error
    try:
        found = augment.AutoAugment(augmentation_name=name.removeprefix(PREFIX))
    except ValueError as error:
        raise ValueError(
            f"policy_name is {name}, and tf-models-official says: {error}"
        ) from error
    return [
        [(_WITH_BOXES.get(operation, operation), p, level) for operation, p, level in s]
        for s in found.policies
    ]
