"""The composition root: from settings to a running node. The only package that imports everything.

``products`` is the list of products, ``data`` opens what is stored, ``outgoing_requests`` opens the way to customers'
servers, ``foundation`` holds the pieces that products and doors use, ``realtime_door`` and ``http_door`` are the two
doors, ``node`` puts all of it together, ``server`` gives the node its listeners.

Only ``products`` names products. It also opens what no node is without, although a product has its code or its
settings: the accounts, against which every request, token and connection is checked, the carriers, and the public
address.
"""
