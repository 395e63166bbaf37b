"""Commands that ask a server over HTTP: their flags, and one request.

They import nothing heavy: a plug-in is started every minute for each check, and a person waits for others.
"""
