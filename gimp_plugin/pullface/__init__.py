"""Pullface inside GIMP 3: the dialog, the procedures and the way to the backend.

GIMP starts ``pullface.py``, which hands over to ``plugin.py`` of this package. Importing the package does nothing.
"""

__version__ = "0.1.0"
