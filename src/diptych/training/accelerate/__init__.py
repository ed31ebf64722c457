"""What makes a step fast or small; a step can be understood without it."""
