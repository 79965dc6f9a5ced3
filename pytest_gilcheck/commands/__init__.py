"""The verbs of the ``gilcheck`` command, one module each. ``main(arguments)`` returns the exit status."""
