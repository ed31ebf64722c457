"""What values of pixels mean: pixels without data, and CIE Lab."""
