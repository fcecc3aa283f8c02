"""Pending pods and when to try them: a machine without input or output. Start at ``scheduling_queue``."""
