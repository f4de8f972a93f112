"""The composition root: from settings to a running node. The only package that imports everything.

``parts`` opens what a node stands on, ``node`` puts it together, ``realtime`` is the door for realtime clients,
``server`` gives the node its listeners.
"""
