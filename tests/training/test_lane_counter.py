import tensorflow as tf

from od_api.training.lane_counter import LaneCounter


def test_each_ticket_counts_once():
    """Lane 0 does its tickets 1 and 2, lane 2 its first, which is repeated: 7 + 3."""
    step = tf.Variable(7, dtype=tf.int64)
    counter = LaneCounter(step, lanes=3)
    for lane, ticket in [(0, 1), (2, 1), (0, 2), (2, 1)]:
        counter.count(tf.constant(lane, tf.int64), tf.constant(ticket, tf.int64))
    assert int(counter.value()) == 10
    assert int(step) == 7


def test_a_late_repetition_takes_nothing_back():
    """Ticket 1 is counted again after ticket 2 of its lane."""
    counter = LaneCounter(tf.Variable(0, dtype=tf.int64), lanes=1)
    for ticket in (1, 2, 1):
        counter.count(tf.constant(0, tf.int64), tf.constant(ticket, tf.int64))
    assert int(counter.value()) == 2
