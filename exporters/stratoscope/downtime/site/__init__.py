"""The handlers of the pages: they read from the store, and change it by `editing.py`."""
