"""Files that are no text config: each is named for what it is."""

import struct

import pytest

from od_api.config.loading import load_config
from od_api.core.errors import ConfigError
from od_api.protos import pipeline_pb2

TEXT = "train_config {\n  batch_size: 8 # caf\N{LATIN SMALL LETTER E WITH ACUTE}\n}\n"


@pytest.fixture
def load(tmp_path):
    def of(raw):
        path = tmp_path / "pipeline.config"
        path.write_bytes(raw)
        return load_config(str(path))

    return of


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_encodings_with_a_mark_are_read(load, encoding):
    assert load(TEXT.encode(encoding)).train_config.batch_size == 8


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (TEXT.encode("latin-1"), "pipeline.config:2:22: is not UTF-8 text: byte 0xe9"),
        (TEXT[:26].encode("utf-16-le"), "pipeline.config:1:2: a NUL character"),
        (b"train_config {\n\0}", "pipeline.config:2:1: a NUL character"),
        (b"\x89PNG\r\n\x1a\n\0\0", "is a picture, and no TrainEvalPipelineConfig"),
        (struct.pack("<Q", 120) + bytes(range(250)), "is a TFRecord file"),
        (b"\x00\x01\xfe\x05", "is neither text nor a binary TrainEvalPipelineConfig"),
        # A binary message of another kind: field 15 is none of a config's.
        (b"\x7a\x04ab\xff\x01", "is neither text nor a binary"),
        (b"model {\x07}", "pipeline.config:1:8: (U+0007, a control character)"),
    ],
)
def test_what_is_no_config_is_named(load, raw, says):
    with pytest.raises(ConfigError) as error:
        load(raw)
    assert says in str(error.value)


def test_a_binary_config_is_read(load):
    config = pipeline_pb2.TrainEvalPipelineConfig()
    config.train_config.batch_size = 20
    assert load(config.SerializeToString()) == config
    config.train_config.batch_size = 200
    assert load(config.SerializeToString()) == config
