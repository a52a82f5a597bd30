"""The recorder of reads: what counts as one, and that it leaves no trace."""

from google.protobuf import text_format
from recorded_reads import recorded_reads

from od_api.config.compatibility import compatibility_notes
from od_api.protos import optimizer_pb2


def test_what_counts_as_a_read():
    message = text_format.Parse("adam_optimizer {}", optimizer_pb2.Optimizer())
    with recorded_reads(optimizer_pb2.Optimizer) as reads:
        seen = reads["Optimizer"]
        message.ListFields()
        optimizer_pb2.Optimizer().CopyFrom(message)
        message.use_moving_average = False
        compatibility_notes(message)
        assert seen == set()
        assert message.moving_average_decay > 0
        assert seen == {"moving_average_decay"}
        assert message.WhichOneof("optimizer") == "adam_optimizer"
        assert message.HasField("use_moving_average")
        assert seen == {"moving_average_decay", "adam_optimizer", "use_moving_average"}
    seen.clear()
    assert message.moving_average_decay > 0
    assert seen == set()
