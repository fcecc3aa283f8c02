"""The interfaces as ``.proto`` files, and the code that ``generate`` makes of them. Nothing here is written by hand in
Python.
"""
