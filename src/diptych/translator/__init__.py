"""A translator turns a picture into its counterpart, with the weights of a run."""
