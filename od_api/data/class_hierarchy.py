"""Classes above others: an object of a class is one of those above it, too.

Open Images' challenges count so (Kuznetsova et al., IJCV 2020): a box of a cat is one
of an animal as well. Where people found a class in an image, those above it are there;
where they did not find one, none of those below it is.
"""

import numpy as np
import tensorflow as tf

from od_api.core.errors import ConfigError
from od_api.core.printable import printable
from od_api.core.sample import PER_BOX_FIELDS


class ClassHierarchy:
    """What a label map says of its classes (ancestor_ids and descendant_ids).

    Args:
      label_map: LabelMap. A relation may be told by either of two classes, or by both.

    Raises:
      ConfigError: it tells no relation, or one to a class that it lacks; `field_path`
        is the field of an input reader.
    """

    def __init__(self, label_map):
        size = label_map.num_classes
        # above[i, j]: an object of class i is one of class j, 0-based.
        self._above = np.eye(size, dtype=bool)
        for class_id, item in ((i, label_map.item(i)) for i in label_map.ids):
            for above in item.ancestor_ids:
                self._above[class_id - 1, _known(above, class_id, label_map)] = True
            for below in item.descendant_ids:
                self._above[_known(below, class_id, label_map), class_id - 1] = True
        if self._above.sum() == size:
            raise ConfigError(
                f"the label map {printable(label_map.path)} says of no class that it "
                "is above another (ancestor_ids): od-api data convert --from "
                "openimages --hierarchy FILE writes that, or remove the field",
                "expand_labels_hierarchy",
            )

    def expanded(self, sample):
        """The sample with a copy of each box for each class above its own.

        Copies of a box follow one another in the order of their ids.

        Args:
          sample: as of `decode`; classes below K alone.
        """
        row_and_class = tf.where(tf.gather(self._above, sample["classes"]))
        rows, classes = tf.unstack(row_and_class, axis=1)
        names = {*PER_BOX_FIELDS, "area"} & sample.keys()
        copies = {name: tf.gather(sample[name], rows) for name in names}
        return {**sample, **copies, "classes": tf.cast(classes, tf.int32)}

    def verified(self, classes, confidences):
        """The classes of an image that follow from those that people looked for.

        Args:
          classes: [n] int, 0-based; what is below 0 counts for nothing.
          confidences: [n] float, 1 where the class is there, 0 where it is not.

        Returns:
          [m] int32 in rising order.
        """
        is_known = classes >= 0
        found = tf.boolean_mask(classes, is_known & (confidences > 0))
        absent = tf.boolean_mask(classes, is_known & (confidences <= 0))
        above = tf.reduce_any(tf.gather(self._above, found), axis=0)
        below = tf.reduce_any(tf.gather(self._above.T, absent), axis=0)
        return tf.cast(tf.where(above | below)[:, 0], tf.int32)


def _known(other, class_id, label_map):
    if label_map.item(other) is None:
        raise ConfigError(
            f"the label map {printable(label_map.path)} relates "
            f"{label_map.name(class_id)} to the id {other}, which it does not have",
            "expand_labels_hierarchy",
        )
    return other - 1
