"""The worker process: a thread that talks to the front, and the main thread that computes."""
