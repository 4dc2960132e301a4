"""One artist's picture: layer → crop → inversion → drags → result, saved to disk at every step.

``listing`` needs the standard library only, so that the front can list sessions without a worker.
"""
