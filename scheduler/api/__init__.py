"""The Kubernetes objects that we read: only the fields that we read, as msgspec structs.

A struct's field is the API's field in snake case; ``rename="camel"`` restores the wire's spelling. What a struct does
not name is skipped while decoding, which is what makes reading a 13 MB list cheap. Nothing here writes objects: the
writers in ``scheduler.kube`` build their own small bodies.
"""
