"""Rendering only: each reporter takes finished records, never the machinery that made them."""
