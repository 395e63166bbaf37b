"""`/api/v1`: downtimes as JSON, filed and changed over HTTP, and what is down now."""
