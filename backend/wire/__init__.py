"""Pullface's wire protocol: messages, codec, connection file, client, launcher.

This folder needs the standard library, msgpack and, where it loads, pyzmq, and nothing else, and imports only itself,
because the installer copies it into the editors' plugins. Importing the package alone imports nothing.
The protocol is specified in ``docs/protocol.md``.
"""
