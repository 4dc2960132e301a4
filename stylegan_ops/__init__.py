"""StyleGAN operations and networks in plain PyTorch: tensors in, tensors out; no files, no sockets, no state."""
