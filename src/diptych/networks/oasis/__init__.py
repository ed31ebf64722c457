"""The networks of OASIS: a generator with noise in every SPADE layer, and a segmenter that judges."""
