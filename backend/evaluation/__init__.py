"""Measures that are independent of what they measure."""
