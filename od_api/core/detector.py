"""What a detector is to training, evaluation, export and serving."""

from types import MappingProxyType

from od_api.core.shapes import image_windows


class Detector:
    """The protocol: what every detector has, and what it says that it can do.

    Nobody asks which detector it is. Those who train, evaluate, export or serve it call
    these methods, and read the attributes below where detectors differ. One that stands
    around another (a pyramid of sizes) has the same methods.

    Attributes:
      num_classes: K.
      resizer: one of `od_api/resizers`: brings images to the network's input.
      parts: {name: layer}, all that holds variables; "backbone" is among them.
      finds_boxes: whether detections have boxes; otherwise they are classes of whole
        images, best first, and the rows of raw outputs are images.
      candidates_are_ranked: the rows A of raw outputs were chosen by scores, so that
        rounding may change their order, and which of them there are. False: each row
        has a place of its own, such as an anchor.
      reports: `losses` takes `report`, a list that gets a Reported of each stage: its
        localisation losses, prior by prior, for batch schemes that learn from them.
      options: {name: largest value}: int32 scalars from 1 up that `call` takes by
        keyword; without them it takes the largest. An export has for each of them a
        signature of that name.
      takes_class_scores: `losses` learns what `Targets.class_scores` say of each box.
      of_one_size: its boxes mean something for images of the resizer's size alone.
      reads: names of what `call` takes by keyword beside images and true shapes, as
        batches have it: "scale" or nothing; or "boxes", which requests have.
      takes_proposals: `call` takes `proposals`, Detections of one class, and its second
        stage looks at these instead of at its own.
      postprocess: what chooses detections of candidates; see `PostProcessing`.
    """

    finds_boxes = True
    candidates_are_ranked = False
    reports = False
    takes_class_scores = False
    options = MappingProxyType({})
    of_one_size = False
    reads = ()
    takes_proposals = False

    def call(self, images, true_shapes, training=False, targets=None, seed=None):
        """Raw predictions of a batch, a record that the other methods take.

        Args:
          images: [B, H, W, 3] float32 in 0..255, resized and padded.
          true_shapes: [B, 2] int32, height and width inside the padding.
          training: whether dropout and batch norm act as in training.
          targets: Targets that what is computed may be sampled by; None: of all.
          seed: int32 [2], for draws.
        """
        raise NotImplementedError

    def priors(self, images, true_shapes, training=False):
        """The Priors of the first predictions for images of that shape; None: it has
        none.

        Args:
          images: [B, H, W, 3]; only their shape counts.
          true_shapes: [B, 2] int32.
          training: those that do not take part in training are not valid.
        """
        del images, true_shapes, training

    def losses(self, predictions, targets, seed=None):
        """{name: float32 scalar}; over replicas they add up to those of the batch."""
        raise NotImplementedError

    def detect(self, predictions):
        """Predictions -> Detections: chosen of the candidates, with their masks."""
        found = self.postprocess.choose(
            self.candidates(predictions), image_windows(predictions.true_shapes)
        )
        return found._replace(masks=self.instance_masks(predictions, found))

    def candidates(self, predictions):
        """Predictions -> Candidates: what detections are chosen of."""
        raise NotImplementedError

    def instance_masks(self, predictions, found):
        """The masks of Detections in the same images, or None.

        Returns:
          [B, N, mh, mw] probabilities for the inside of each box.
        """
        del predictions, found

    def decode(self, predictions):
        """Predictions -> [B, A, 4] boxes of all candidates, not clipped."""
        raise NotImplementedError

    def scores(self, predictions):
        """Predictions -> [B, A, C] scores of all candidates."""
        raise NotImplementedError

    def static(self):
        """The same detector in forms that XLA compiles; itself where it has no others.

        Its parts are those of this one.
        """
        return self

    @classmethod
    def fields_for_xla(cls, message):
        """Names of the bool fields of its message that XLA needs to be true."""
        del message
        return []

    def load_weights(self, path):
        """Takes a file of published weights, which are the backbone's.

        Raises:
          UserError: there are none for this backbone.
        """
        self.parts["backbone"].load_weights(path)
