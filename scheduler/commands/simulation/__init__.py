"""What ``multiarch-scheduler simulate`` is made of.

``documents`` reads files into single objects, with ``yaml_events`` for large ones. ``admission`` adds to a pod what the
API server would, ``workloads`` and ``daemons`` make the pods that controllers would, ``running`` decides them all,
``utilisation`` counts how full nodes are. ``commands.simulate`` puts them together, ``report`` shows what came out.
"""
