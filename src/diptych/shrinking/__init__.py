"""A smaller generator from a larger one: the student's recipe, its training, and the table of both (``diptych shrink``)."""
