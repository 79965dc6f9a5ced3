"""The verbs of the ``gilcheck`` command, a module each: ``main(arguments)`` gives the exit status."""
