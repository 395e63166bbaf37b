"""The schema, step by step: run by alembic when the database is opened."""
