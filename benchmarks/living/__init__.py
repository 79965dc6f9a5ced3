"""Is the GIL verdict right in a process in which something else happens too?

Specimens of known truth, and public functions, are checked beside threads, timers, pools and other checks.
"""
