"""In which order training sees its records: a pure function of seed and position.

Every epoch is shuffled by a seed of its own, (seed, epoch), files first and then
records through a buffer. So the order depends neither on how fast threads are nor on
where a run started: one that resumes at position p gets what the first got from p on.
"""

import numpy as np
import tensorflow as tf

from od_api.core.errors import ConfigError
from od_api.data import records

# Mixing draws its sources in blocks of so many, so that counting them is quick.
_BLOCK = 4096


def file_order(paths, shard, sample_1_of_n):
    """Every record once, file after file: [] string dataset, for evaluation.

    Args:
      paths: TFRecord files.
      shard: (index, count): every count-th record from index on.
      sample_1_of_n: keeps every n-th record of what `shard` leaves.
    """
    index, count = shard
    stream = records.dataset(paths)
    if count > 1:
        stream = stream.shard(count, index)
    return stream.shard(sample_1_of_n, 0) if sample_1_of_n > 1 else stream


class ShuffledSource:
    """Records of one set of files, epoch after epoch, in an order fixed by the seed.

    Args:
      paths: TFRecord files.
      reader: InputReader message: shuffle, shuffle_buffer_size, num_readers,
        read_block_length, sample_1_of_n_examples and num_epochs (0: without end).
      seed: int.
      shard: (index, count). Workers share the files among them where there are at least
        as many files as workers, else the records.
    """

    def __init__(self, paths, reader, seed, shard=(0, 1)):
        index, count = shard
        self._share_records = len(paths) < count
        self._paths = list(paths) if self._share_records else list(paths)[index::count]
        self._reader, self._seed, self._shard = reader, seed, shard
        if self._share_records or not _has_bytes(self._paths):
            self._refuse_if_empty()

    def stream(self, start=0):
        """[] string dataset of the records from position `start` on."""
        epoch, skipped = 0, 0
        if start:
            epoch, skipped = divmod(start, self.epoch_size())
        end = self._reader.num_epochs or np.iinfo(np.int64).max
        epochs = tf.data.Dataset.range(min(epoch, end), end)
        return epochs.flat_map(self._epoch).skip(skipped)

    def epoch_size(self):
        """Number of records in an epoch."""
        index, count = self._shard
        size = records.count(self._paths)
        if self._share_records:
            size = len(range(index, size, count))
        return -(-size // max(self._reader.sample_1_of_n_examples, 1))

    def _refuse_if_empty(self):
        size = self.epoch_size()
        if size == 0:
            index, count = self._shard
            shown = ", ".join(self._paths[:3])
            whose = f" for worker {index} of {count}" if count > 1 else ""
            raise ConfigError(
                f"there is no record in {shown}{whose}", "tf_record_input_reader"
            )

    def _epoch(self, epoch):
        """The dataset of one epoch; `epoch` is an int64 scalar tensor."""
        reader, (index, count) = self._reader, self._shard
        # Shuffling mixes its seed with that of the graph, which is the program's global
        # seed unless it is set here, for the graph of this function alone. (Not to 0,
        # which TensorFlow would compare with our tensor.)
        tf.compat.v1.get_default_graph().seed = 1
        seed = tf.random.experimental.stateless_fold_in(
            tf.constant([self._seed & 0x7FFFFFFF, self._seed >> 31], tf.int64), epoch
        )
        stream = self._files(seed)
        if self._share_records:
            stream = stream.shard(count, index)
        if reader.sample_1_of_n_examples > 1:
            stream = stream.shard(reader.sample_1_of_n_examples, 0)
        if reader.shuffle and reader.shuffle_buffer_size > 1:
            stream = stream.shuffle(
                reader.shuffle_buffer_size, seed[0], reshuffle_each_iteration=False
            )
        return stream

    def _files(self, seed):
        """Records of all files: one after the other, or shuffled and interleaved."""
        if not self._reader.shuffle or len(self._paths) == 1:
            return records.dataset(self._paths)
        paths = tf.constant(self._paths)
        paths = tf.random.experimental.stateless_shuffle(paths, tf.cast(seed, tf.int32))
        return tf.data.Dataset.from_tensor_slices(paths).interleave(
            tf.data.TFRecordDataset,
            cycle_length=max(1, min(self._reader.num_readers, len(self._paths))),
            block_length=max(1, self._reader.read_block_length),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )


class MixedSources:
    """Several sources, each record drawn from one of them by weight.

    Args:
      sources: list of `ShuffledSource`.
      weights: as many positive numbers; only their proportions count.
      seed: int.
    """

    def __init__(self, sources, weights, seed):
        if len(weights) != len(sources) or min(weights) < 0 or sum(weights) <= 0:
            raise ConfigError(
                f"has the {len(weights)} weights {list(weights)} for {len(sources)} "
                "input_path entries: give each entry one, none negative, not all 0",
                "sample_from_datasets_weights",
            )
        self._sources = sources
        with np.errstate(divide="ignore"):
            self._logits = np.log(np.asarray(weights, np.float64) / sum(weights))
        self._seed = seed

    def stream(self, start=0):
        """[] string dataset of the records from position `start` on."""
        block, skipped = divmod(start, _BLOCK)
        choices = self._choices(block).skip(skipped)
        taken = self._taken(start)
        streams = [s.stream(int(n)) for s, n in zip(self._sources, taken, strict=True)]
        return tf.data.Dataset.choose_from_datasets(streams, choices)

    def _choices(self, first_block):
        """int64 scalars without end: which source comes next."""
        blocks = tf.data.Dataset.range(first_block, np.iinfo(np.int64).max)
        return blocks.map(self._block).unbatch()

    def _block(self, block):
        seed = tf.constant([self._seed & 0x7FFFFFFF, self._seed >> 31], tf.int64)
        return tf.random.stateless_categorical(
            tf.constant(self._logits, tf.float32)[None],
            _BLOCK,
            tf.random.experimental.stateless_fold_in(seed, block),
        )[0]

    def _taken(self, start):
        """How many records each source has given before position `start`."""
        blocks, rest = divmod(start, _BLOCK)
        taken = np.zeros(len(self._sources), np.int64)
        draw = tf.function(self._block)
        for block in range(blocks + bool(rest)):
            chosen = draw(tf.constant(block, tf.int64)).numpy()
            chosen = chosen[: rest if block == blocks else None]
            taken += np.bincount(chosen, minlength=len(taken))
        return taken


def _has_bytes(paths):
    return any(tf.io.gfile.stat(path).length for path in paths)
