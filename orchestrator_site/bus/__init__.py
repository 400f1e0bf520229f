"""Events and agents' messages over a message broker: topics, groups of consumers, dead letters, requests.

``Bus`` is the door (``bus.py``), ``configured.bus()`` the one of this site's settings. See docs/how-to/message-bus.md.
"""
