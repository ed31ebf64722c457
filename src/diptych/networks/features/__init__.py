"""Pretrained feature networks, and the losses that look through them."""
