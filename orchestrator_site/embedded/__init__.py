"""PostgreSQL and Redis out of wheels, and the supervisor of all processes: what makes two commands enough.

``addresses`` says where the embedded servers listen, ``servers.running`` has them run for as long as somebody
works, ``supervisor`` keeps processes alive and ``processes`` lists ours.
"""
