"""Procedural anime-style faces: continuous factors in, a picture and exact landmarks out."""
