"""What GIMP calls: one module a procedure, each with its name and how it is registered."""
