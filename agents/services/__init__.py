"""What can be done with the registry, in the words of those who do it."""
