"""Scores of pictures, independent of where the pictures come from."""
