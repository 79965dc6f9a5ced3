"""The files of the sandbox are the suite of an imaginary reader."""

collect_ignore = ["sandbox"]
