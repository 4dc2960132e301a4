"""The front: the process that clients speak to. It checks, routes and answers control; it never computes.

Standard library, pyzmq and msgpack only, so that it answers ``hello`` within 0.3 s of its start.
"""
