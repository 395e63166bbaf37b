"""Nagios plug-ins: flags, one GET within a time-out, exit status, one line.

They import nothing heavy, since each is started every minute for each check.
"""
