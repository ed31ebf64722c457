"""The OpenMoji drawings: the set of the demonstration."""
