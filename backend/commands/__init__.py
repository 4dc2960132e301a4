"""The parts of the ``pullface`` command. None of them imports torch: the heavy work is the server's."""
