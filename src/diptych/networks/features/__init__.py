"""Pretrained feature networks and perceptual losses."""
