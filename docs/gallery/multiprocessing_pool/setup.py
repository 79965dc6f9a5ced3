from setuptools import Extension, setup

setup(
    package_dir={"": "src"},
    py_modules=["fibonacci", "tools"],
    ext_modules=[Extension("native_fibonacci", ["src/fibonacci.c"], extra_compile_args=["-g"])],
)
