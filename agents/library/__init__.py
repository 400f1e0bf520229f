"""The agents that ship with the product, one package a domain."""
