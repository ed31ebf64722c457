"""What `diptych translate` takes beside pictures: films, cameras, volumes, and styles."""
