"""The handlers of pages and feeds: they read from the store, and change it by `editing.py`."""
