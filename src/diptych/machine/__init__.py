"""What the work runs on: devices, threads, what can be stopped, and runtimes of exported files."""
