"""Translators over HTTP, and the page to draw on; knows no system, no recipe and no training."""
