"""Registration: a field of displacements between two pictures (Kong et al. 2021)."""
