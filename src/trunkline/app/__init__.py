"""The composition root: from settings to a running node. The only package that imports everything.

``products`` is the list of products, ``data`` opens what is stored, ``foundation`` holds the pieces that products and
doors use, ``realtime`` and ``door`` are the two doors, ``node`` puts all of it together, ``server`` gives the node its
listeners.

Only ``products`` names products. Accounts are the exception: every request, token and connection is checked against
them, so that no node is without them, and the other modules use their facade.
"""
