/* The naive Fibonacci function, with the GIL released. */
#include <Python.h>

static unsigned long
fib(unsigned int n)
{
    return n <= 2 ? 1 : fib(n - 1) + fib(n - 2);
}

static PyObject *
native_fib(PyObject *Py_UNUSED(module), PyObject *argument)
{
    unsigned long n = PyLong_AsUnsignedLong(argument);
    if (n == (unsigned long)-1 && PyErr_Occurred()) {
        return NULL;
    }
    if (n > 60) {
        PyErr_Format(PyExc_ValueError, "n is %lu: above 60 this takes days", n);
        return NULL;
    }
    unsigned long result;
    Py_BEGIN_ALLOW_THREADS
    result = fib((unsigned int)n);
    Py_END_ALLOW_THREADS
    return PyLong_FromUnsignedLong(result);
}

static PyMethodDef methods[] = {
    {"native_fib", native_fib, METH_O, PyDoc_STR("native_fib(n) -> int\n\nReleases the GIL.")},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "native_fibonacci", .m_methods = methods};

PyMODINIT_FUNC
PyInit_native_fibonacci(void)
{
    return PyModuleDef_Init(&definition);
}
