"""The studio: a local web page that shows a run with its own values; see docs/studio.md.

Training writes the run folder and the studio reads it, so it is the same live and afterwards.
"""
