"""What transports share that speak with an agent over a wire: envelopes, secrets, requests and what replies mean."""
