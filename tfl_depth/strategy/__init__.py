"""The laboratory: every way to int8 on one network and the same images, and where the error is."""
