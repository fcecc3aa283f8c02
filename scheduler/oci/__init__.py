"""The only part that speaks to image registries.

Owns requests, tokens, credentials, mirrors and the cache of answers. What the documents mean is `scheduler.images`;
when an image is asked for is `scheduler.loops.resolving`. The way in is `resolver.Resolver`; the way down from there
is resolver -> image_reader -> registry -> tokens -> transport.
"""
