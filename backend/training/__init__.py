"""How the embedded models were made: the procedural faces and the training programs. ``python -m backend.training``."""
