"""Comments of schema files: of messages, fields, values, over several lines, behind."""

from od_api.reference.schema_comments import comments_of, schema_comments

TEXT = """
// Not of anything.

// A message,
// in two lines.
message Outer {
  // An enum.
  enum Kind {
    ONE = 0;  // A value.
    // Another.
    TWO = 1;
  }

  oneof choice {
    // In a oneof.
    Inner inner = 1;
    Empty empty = 2;
  }
  message Inner {
    // Of the inner one.
    optional int32 size = 1 [default = 3];
  }
  optional float plain = 4;
  repeated string names = 5;  // Behind.
  // A map.
  map<string, int32> numbers = 6;
}

message Empty {}

// After an empty one.
message Last {
  optional bool on = 1;
}
"""


def test_each_comment_finds_its_name():
    assert comments_of(TEXT) == {
        "Outer": "A message, in two lines.",
        "Outer.Kind": "An enum.",
        "Outer.Kind.ONE": "A value.",
        "Outer.Kind.TWO": "Another.",
        "Outer.inner": "In a oneof.",
        "Outer.Inner.size": "Of the inner one.",
        "Outer.names": "Behind.",
        "Outer.numbers": "A map.",
        "Last": "After an empty one.",
    }


def test_the_schema_has_them():
    found = schema_comments()
    assert found["TrainConfig.seed"] == "Everything random in training follows from it."
    assert found["InputReader.CrowdBoxes.IGNORE"] == "Neither objects nor background."
    assert len(found) > 500
