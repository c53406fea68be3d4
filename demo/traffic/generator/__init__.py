"""What runs in the traffic pod: sends predictions and prints what came of each, as JSON lines.

Python's own library and typing_extensions are all it needs, so that any of the project's images will do;
uvloop is taken where there is one.
"""
