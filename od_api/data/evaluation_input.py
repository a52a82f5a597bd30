"""What a config's eval_input_reader feeds to evaluation."""

from od_api.data.chip_index import check_chips
from od_api.data.config_classes import finds_boxes, num_classes_of
from od_api.data.order import Part
from od_api.data.reader_input import Input, within


class EvaluationInput(Input):
    """One eval_input_reader of a config."""

    def __init__(self, config, index, files=True):
        reader = config.eval_input_reader[index]
        path = f"eval_input_reader[{index}]"
        if reader.HasField("chips"):
            within(path, check_chips, reader.chips, training=False)
        super().__init__(
            reader,
            path,
            num_classes_of(config),
            training=False,
            image_classes=not finds_boxes(config),
            files=files,
        )
        self._batch_size = max(config.eval_config.batch_size, 1)

    def evaluation_spec(self, detector):
        """The `element_spec` of `evaluation_dataset`, of which no file is read.

        Raises:
          UserError: as `element_spec`.
        """
        return self.element_spec(detector, batch_size=self._batch_size, training=False)

    def evaluation_dataset(self, detector):
        """Every record once, in the order of the files, the last batch kept."""
        return self.dataset(
            detector, batch_size=self._batch_size, training=False, part=Part(seed=0)
        )
