"""What ``multiarch-scheduler simulate`` is made of.

``documents`` reads files into single objects, with ``yaml_events`` for large ones. ``admission`` adds to a pod what the
API server would (by ``classes``); ``workloads``, ``daemons`` and ``claims`` make what controllers would; in ``cluster``
all that comes together. ``running`` decides, ``utilisation`` counts how full nodes are. ``commands.simulate`` puts them
together, ``report`` shows the ``outcome``.
"""
