"""What `diptych data check` looks at before a training begins."""
