"""The page of an evaluation: report.html, which needs no other file."""
