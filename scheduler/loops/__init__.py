"""The drivers: each loop moves facts between the outside and the pure parts, and decides nothing.

``watching`` brings objects in, ``resolving`` brings image platforms in, ``scheduling`` takes decisions, ``binding`` and
``reporting`` carry them out.
"""
