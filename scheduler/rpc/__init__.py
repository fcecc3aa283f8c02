"""gRPC: what autoscalers and other programs ask. Served inside the scheduler, or by itself.

``server`` is the way in for calls, ``expander`` and ``image_platform`` answer them; ``client`` is for programs.
"""
