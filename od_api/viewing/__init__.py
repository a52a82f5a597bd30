"""Looking at a data set, or at what a run finds in it, in a browser."""
