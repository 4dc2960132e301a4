"""The editors on this machine: where they are, where their settings and plugins lie. Standard library only."""
