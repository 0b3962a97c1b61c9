"""Geometry, tracking, persons, aggregated attributes. Pure numpy."""
