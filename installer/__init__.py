"""What ``install.py`` does: standard library only, so that it runs on a bare Python 3.10 or later."""
