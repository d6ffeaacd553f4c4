"""The study of a network: all recipes on the same images, and the sources of the error."""
