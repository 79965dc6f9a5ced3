import sys

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "first_check",
            ["src/first_check.c"],
            # Line tables cost nothing at run time and let tools name the line of a function.
            extra_compile_args=[] if sys.platform == "win32" else ["-g"],
        )
    ]
)
