"""The reference of settings: what an option means, when to change it, and under which other names people look for it."""
