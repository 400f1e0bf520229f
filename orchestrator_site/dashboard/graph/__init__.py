"""Phases and steps as a drawing: pure layout, and the values a template draws as SVG."""
