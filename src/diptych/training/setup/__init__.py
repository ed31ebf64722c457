"""What is settled before the first step: the recipe for a folder, the length, memory, and whether a run can start."""
