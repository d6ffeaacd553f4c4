"""The program for a board without tfl-depth: sent as text, it needs only the standard library.

A file is a text. `BoardPython` sends the one that has the function, then `answer`, which calls it.
The files import nothing of this package, and use nothing of each other.
"""
