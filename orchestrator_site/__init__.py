"""Phasegate's site: settings, servers and the foundations that every application stands on."""
