"""Who is let in: the door with a directory behind it."""
