"""The blueprint language: what a YAML file may say, read with line and hint for every mistake. Pure: no Django."""
