"""What a training says of itself: progress, scores, health, TensorBoard."""
