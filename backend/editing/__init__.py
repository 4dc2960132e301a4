"""The artist's side of a pull, without any editor: pairs and their undo, the state of one layer's pull, its record.

The editors' plugins put a host (``host.py``) below it and widgets above it. Like ``backend.wire`` it needs the
standard library, pyzmq and msgpack and nothing else, and is copied into the plugins. All of it runs on one thread,
the editor's; nothing here blocks.
"""
