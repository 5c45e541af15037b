"""Fixtures of the tests of what jobs leave."""

from __future__ import annotations

from support.domain.fixtures import where

__all__ = ["where"]
