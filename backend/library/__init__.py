"""The user's own models: which there are to download, how they come in, and where they are kept.

Of use to the command line only; servers and workers read the result through `backend.models`.
"""
