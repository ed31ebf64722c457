"""Sets of examples in tar shards, on the disk or behind an address."""
