"""A translator turns a picture into its counterpart; it is what leaves a run."""
