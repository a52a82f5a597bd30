"""In which order training sees its records: a pure function of seed and position.

Every epoch is shuffled by a seed of its own, (seed, epoch), files first and then
records through a buffer. So the order depends neither on how fast threads are nor on
where a run started: one that resumes at position p gets what the first got from p on.
"""

import os
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from od_api.core.errors import ConfigError
from od_api.data import records

# Mixing draws its sources in blocks of so many, so that counting them is quick.
_BLOCK = 4096


class Part(NamedTuple):
    """Which batches of an endless stream a process reads; all of them by default.

    Attributes:
      seed: int; the same one gives the same batches. None draws one.
      shard: (index, count) of a worker with a stream of its own: it reads every
        count-th file or record. The index may be a scalar integer tensor, if start_step
        is 0.
      share: (index, count) of a worker that trains in step with others: of every batch
        that one worker would read it gets its rows, batch_size / count of them (padded
        to the largest image among these). Only they are decoded.
      start_step: begins with the batch of this number, as an uninterrupted run would.
      portable: another process reads it: what cannot run there is refused.
    """

    seed: int | None = None
    shard: tuple = (0, 1)
    share: tuple = (0, 1)
    start_step: int = 0
    portable: bool = False

    def seeded(self):
        """The same, with a seed."""
        drawn = self.seed is None
        seed = int.from_bytes(os.urandom(4), "little") if drawn else int(self.seed)
        return self._replace(seed=seed)


WHOLE = Part()


def file_order(paths, shard, sample_1_of_n):
    """`records.handles` of every record once, file after file, for evaluation.

    Args:
      paths: TFRecord files.
      shard: (index, count): every count-th record from index on.
      sample_1_of_n: keeps every n-th record of what `shard` leaves.
    """
    index, count = shard
    stream = records.handles(paths)
    if count > 1:
        stream = stream.shard(count, index)
    return stream.shard(sample_1_of_n, 0) if sample_1_of_n > 1 else stream


def share_of(stream, batch_size, share):
    """The rows of every batch that one worker of several gets, still one by one.

    Rows are counted before anything is decoded. A batch that is not whole is dropped:
    the workers must take the same number of steps.

    Args:
      stream: dataset of tuples, one an image.
      batch_size: images of all workers.
      share: (index, count).
    """
    index, count = share
    if count == 1:
        return stream
    if batch_size % count:
        raise ConfigError(
            f"is {batch_size}, which {count} workers that train in step cannot share "
            f"equally: make it a multiple of {count} (batch_size counts the images of "
            "all workers)",
            "train_config.batch_size",
        )
    rows = batch_size // count
    mine = slice(index * rows, (index + 1) * rows)
    batches = stream.batch(batch_size, drop_remainder=True)
    return batches.map(lambda *parts: tuple(p[mine] for p in parts)).unbatch()


class ShuffledSource:
    """Records of one set of files, epoch after epoch, in an order fixed by the seed.

    Args:
      paths: TFRecord files.
      reader: InputReader message: shuffle, shuffle_buffer_size, num_readers,
        read_block_length, sample_1_of_n_examples and num_epochs (0: without end).
      seed: int.
      shard: (index, count). Workers share the files among them where there are at least
        as many files as workers, else the records. The index may be a scalar integer
        tensor: then every worker's share is looked at, and `start` must be 0.
      chips: ChipIndex of all the files, or None. With it a record stands for each of
        its chips, so that some are there several times, and others never.
    """

    def __init__(self, paths, reader, seed, shard=(0, 1), chips=None):
        index, count = shard
        self._chips = chips
        self._share_records = len(paths) < count
        self._all_paths = list(paths)
        self._reader, self._seed, self._shard = reader, seed, shard
        for worker in range(count) if tf.is_tensor(index) else (index,):
            if self._share_records or chips or not _has_bytes(self._paths_of(worker)):
                self._refuse_if_empty(worker)

    def stream(self, start=0):
        """Dataset of `records.handles` from position `start` on.

        With chips: of (record, int32 [5] chip).
        """
        epoch, skipped = 0, 0
        if start:
            epoch, skipped = divmod(start, self._epoch_size(self._shard[0]))
        end = self._reader.num_epochs or np.iinfo(np.int64).max
        epochs = tf.data.Dataset.range(min(epoch, end), end)
        return epochs.flat_map(self._epoch).skip(skipped)

    def _paths_of(self, worker):
        """The files that a worker reads, all of them where records are shared."""
        if self._share_records:
            return self._all_paths
        if tf.is_tensor(worker):
            return tf.constant(self._all_paths)[worker :: self._shard[1]]
        return self._all_paths[worker :: self._shard[1]]

    def _epoch_size(self, worker):
        """Number of records in an epoch."""
        paths = self._paths_of(worker)
        size = self._chips.count(paths) if self._chips else records.count(paths)
        if self._share_records:
            size = len(range(worker, size, self._shard[1]))
        return -(-size // max(self._reader.sample_1_of_n_examples, 1))

    def _refuse_if_empty(self, worker):
        if self._epoch_size(worker) == 0:
            count = self._shard[1]
            shown = ", ".join(self._paths_of(worker)[:3])
            whose = f" for worker {worker} of {count}" if count > 1 else ""
            what = "chip of a record" if self._chips else "record"
            raise ConfigError(
                f"there is no {what} in {shown}{whose}",
                "chips" if self._chips else self._reader.WhichOneof("input_reader"),
            )

    @tf.autograph.experimental.do_not_convert
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
        if count > 1:
            seed = tf.random.experimental.stateless_fold_in(
                seed, tf.cast(index, tf.int64)
            )
        if reader.sample_1_of_n_examples > 1:
            stream = stream.shard(reader.sample_1_of_n_examples, 0)
        if reader.shuffle and reader.shuffle_buffer_size > 1:
            stream = stream.shuffle(
                reader.shuffle_buffer_size, seed[0], reshuffle_each_iteration=False
            )
        return stream

    def _files(self, seed):
        """Handles of all files: one after the other, or shuffled and interleaved."""
        if records.source_in(self._all_paths) is not None:
            return records.handles(self._all_paths)
        index, count = self._shard
        paths = tf.convert_to_tensor(self._paths_of(index))
        most = len(self._all_paths)
        if not self._share_records:
            most = -(-most // count)
        read = self._chips.stream if self._chips else tf.data.TFRecordDataset
        if not self._reader.shuffle or most == 1:
            if self._chips:
                return tf.data.Dataset.from_tensor_slices(paths).flat_map(read)
            return read(paths)
        paths = tf.random.experimental.stateless_shuffle(paths, tf.cast(seed, tf.int32))
        return tf.data.Dataset.from_tensor_slices(paths).interleave(
            read,
            cycle_length=max(1, min(self._reader.num_readers, most)),
            block_length=max(1, self._reader.read_block_length),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )


def check_weights(weights, inputs):
    """Raises ConfigError unless each of so many inputs has a weight that can count."""
    if len(weights) != inputs or min(weights) < 0 or sum(weights) <= 0:
        raise ConfigError(
            f"has {len(weights)} weights {list(weights)} for {inputs} input_path: "
            "give each one, none negative, not all 0",
            "sample_from_datasets_weights",
        )


class MixedSources:
    """Several sources, each record drawn from one of them by weight.

    Args:
      sources: list of `ShuffledSource`.
      weights: as many positive numbers; only their proportions count.
      seed: int.
    """

    def __init__(self, sources, weights, seed):
        check_weights(weights, len(sources))
        self._sources = sources
        with np.errstate(divide="ignore"):
            self._logits = np.log(np.asarray(weights, np.float64) / sum(weights))
        self._seed = seed

    def stream(self, start=0):
        """Dataset of the records from position `start` on."""
        block, skipped = divmod(start, _BLOCK)
        choices = self._choices(block).skip(skipped)
        taken = self._taken(start)
        streams = [s.stream(int(n)) for s, n in zip(self._sources, taken, strict=True)]
        return tf.data.Dataset.choose_from_datasets(streams, choices)

    def _choices(self, first_block):
        """int64 scalars without end: which source comes next."""
        blocks = tf.data.Dataset.range(first_block, np.iinfo(np.int64).max)
        return blocks.map(self._block).unbatch()

    @tf.autograph.experimental.do_not_convert
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
    """Whether there is anything in these files; a RecordSource is never empty."""
    if records.source_in(paths) is not None:
        return True
    return any(tf.io.gfile.stat(path).length for path in paths)
