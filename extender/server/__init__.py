"""An HTTP/1.1 server for short calls with raw bodies: one protocol on uvloop and httptools. Knows nothing of verbs."""
