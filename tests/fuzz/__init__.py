"""Fuzzing of all that reads files from elsewhere: `make fuzz`, or longer by hand."""
