"""Pullface's backend: a front process that speaks the wire protocol and workers that invert and drag."""

__version__ = "0.1.0"
