"""The rooms of the embedded API server, whose door is ``scheduler.sandbox.api_server``.

documents resources names statuses causes   the words: objects, the table of kinds, formats, errors
schema/                                     what fields there are: decoding, OpenAPI
store selectors reading watching            objects and their history; lists and watches
views/                                      the bytes a client gets: objects, metadata, kubectl's tables
rules/                                      what is peculiar to a kind: defaults, admission, validation, binding
patches/                                    the four kinds of PATCH
bodies metadata preconditions               the parts of a write
writes deletions                            the order of its steps
targets answers routes about discovery      HTTP
faults                                      what goes wrong on demand
"""
