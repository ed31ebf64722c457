"""Public data sets: which there are, their licences, and how they are fetched."""
