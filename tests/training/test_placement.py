import tensorflow as tf

from od_api.training import placement
from od_api.training.placement import variables_by_size


def test_the_server_that_holds_least_is_next(monkeypatch):
    """12 floats to the first; 5 and 4 to the second, then 2, since 9 < 12; 1 to it."""
    monkeypatch.setattr(placement, "_num_servers", lambda strategy: 2)
    with variables_by_size(None) as servers:
        for shape in ([3, 4], [5], [2, 2], [2], [1]):
            tf.Variable(tf.zeros(shape))
    assert [server.bytes for server in servers] == [4 * 12, 4 * 12]


def test_a_slot_counts_for_the_server_of_its_variable(monkeypatch):
    class Neighbour:
        device = "/job:ps/replica:0/task:1/device:CPU:0"

    monkeypatch.setattr(placement, "_num_servers", lambda strategy: 2)
    with variables_by_size(None) as servers:

        def beside(next_creator, **kwargs):
            return next_creator(**kwargs, colocate_with=Neighbour)

        with tf.variable_creator_scope(beside):
            tf.Variable(lambda: tf.zeros([3], tf.float64))
    assert [server.bytes for server in servers] == [0, 24]


def test_nothing_changes_without_servers():
    with variables_by_size(tf.distribute.get_strategy()) as servers:
        tf.Variable(1.0)
    assert servers == []
