from Cython.Build import cythonize
from setuptools import Extension, setup

# -g: reports then name the line of the .pyx. They find it through the generated C file, which stays in src/.
setup(ext_modules=cythonize([Extension("cython_nogil", ["src/cython_nogil.pyx"], extra_compile_args=["-g"])]))
