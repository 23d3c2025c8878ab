"""Frames over the markets of several venues: keys whose venue is ``*``."""
