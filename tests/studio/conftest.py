"""Fixtures of the studio's tests."""

from studio_runs import cache, open_studio, pictures, shelf, studio

__all__ = ["cache", "open_studio", "pictures", "shelf", "studio"]
