from setuptools import setup

setup(package_dir={"": "src"}, packages=["ctypes_cffi"], cffi_modules=["src/build_work.py:builder"])
