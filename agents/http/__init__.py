"""The one seam to the outside: requests go to permitted addresses, end in time, and bring back so much at most."""
