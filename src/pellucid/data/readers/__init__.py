"""Readers: one file for each kind of source; `pellucid.data.read` chooses among them."""
