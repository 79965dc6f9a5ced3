from setuptools import Extension, setup

setup(
    package_dir={"": "src"},
    py_modules=["slow_file"],
    # -g: reports then name the line of the source. It costs nothing at run time.
    ext_modules=[Extension("c_extension", ["src/c_extension.c"], extra_compile_args=["-g"])],
)
