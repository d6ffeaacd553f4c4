"""What runs on a board before anything is there: Python's standard library alone, sent as text.

A file is a text. `BoardPython` sends the one that has the function, then `answer`, which calls it.
The files import nothing of this package, and use nothing of each other.
"""
