"""The page to draw on, its files, and the network that runs in the browser."""
