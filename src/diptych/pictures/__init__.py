"""What a picture is, and how it comes from a file and goes back into one."""
