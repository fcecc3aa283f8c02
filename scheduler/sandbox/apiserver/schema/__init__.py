"""The fields and types of the kinds that are served: reading bodies by them, and publishing them."""
