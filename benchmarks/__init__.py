"""Measurements on open data; nothing here is needed to use Pellucid."""
