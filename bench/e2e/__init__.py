"""The whole service against kube-scheduler on a real control plane: ``python -m bench.e2e``.

``arena`` is the control plane, ``contenders`` are those who bind, ``journal`` says what was bound when, ``measuring``
plays one run, ``report`` writes the tables. Needs the binaries of ``make real-binaries``.
"""
