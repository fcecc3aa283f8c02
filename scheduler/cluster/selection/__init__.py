"""Which pods are meant by which selectors, and how many of them are where: spreading and (anti-)affinity read it.

``pod_selectors`` says what a selector means, ``matchers`` counts the pods that somebody asks about, ``carried_terms``
the terms that placed pods bring along, ``domains`` sums either over zones, hosts or whatever else nodes are told by.
"""
