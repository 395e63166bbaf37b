"""Downtimes for other programs: calendars, feed readers, and what reads GOCDB."""
