"""Puts the plugins into the editors, and takes them out again."""
