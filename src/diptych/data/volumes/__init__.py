"""Sets of volumes, whose slices are the examples."""
