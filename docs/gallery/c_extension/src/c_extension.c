/* Two pairs of functions. In each pair one function releases the GIL and its twin forgot to.
 *
 *   checksum(data), checksum_holding(data)      compute.
 *   fputs(text, path), fputs_as_written(...)    write a file. The second is what many tutorials on extensions show.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Returns the 64-bit FNV-1a hash of these bytes. Uses no Python object. */
static uint64_t
fnv1a(const char *bytes, Py_ssize_t length)
{
    uint64_t hash = 14695981039346656037u;
    for (Py_ssize_t i = 0; i < length; i++) {
        hash = (hash ^ (unsigned char)bytes[i]) * 1099511628211u;
    }
    return hash;
}

/* Only `bytes` are accepted: they cannot change while the GIL is released. */
static PyObject *
checksum(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *data;
    if (!PyArg_ParseTuple(args, "S", &data)) {
        return NULL;
    }
    uint64_t hash;
    Py_BEGIN_ALLOW_THREADS
    hash = fnv1a(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data));
    Py_END_ALLOW_THREADS
    return PyLong_FromUnsignedLongLong(hash);
}

static PyObject *
checksum_holding(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *data;
    if (!PyArg_ParseTuple(args, "S", &data)) {
        return NULL;
    }
    uint64_t hash = fnv1a(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data));
    return PyLong_FromUnsignedLongLong(hash);
}

/* As in the tutorials: it waits for the file while it holds the GIL, and it does not look whether the file opened. */
static PyObject *
fputs_as_written(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *text, *path;
    if (!PyArg_ParseTuple(args, "ss", &text, &path)) {
        return NULL;
    }
    if (strlen(text) < 10) {
        PyErr_SetString(PyExc_ValueError, "text is shorter than 10 characters");
        return NULL;
    }
    FILE *file = fopen(path, "w");
    int written = fputs(text, file);
    fclose(file);
    return PyLong_FromLong(written);
}

/* Returns 0 or the number of the error. `text` and `path` belong to objects that the caller keeps alive. */
static int
write_file(const char *text, const char *path)
{
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        return errno;
    }
    int error = fputs(text, file) == EOF ? errno : 0;
    /* Buffered text is written here, so this can fail, too. */
    if (fclose(file) == EOF && error == 0) {
        error = errno;
    }
    return error;
}

static PyObject *
fputs_releasing(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *text;
    PyObject *path;
    if (!PyArg_ParseTuple(args, "sO&", &text, PyUnicode_FSConverter, &path)) {
        return NULL;
    }
    if (strlen(text) < 10) {
        Py_DECREF(path);
        PyErr_SetString(PyExc_ValueError, "text is shorter than 10 characters");
        return NULL;
    }
    int error;
    Py_BEGIN_ALLOW_THREADS
    error = write_file(text, PyBytes_AS_STRING(path));
    Py_END_ALLOW_THREADS
    if (error != 0) {
        errno = error;
        PyErr_SetFromErrnoWithFilename(PyExc_OSError, PyBytes_AS_STRING(path));
        Py_DECREF(path);
        return NULL;
    }
    Py_DECREF(path);
    return PyLong_FromSize_t(strlen(text));
}

static PyMethodDef methods[] = {
    {"checksum", checksum, METH_VARARGS, PyDoc_STR("checksum(data) -> int\n\nReleases the GIL.")},
    {"checksum_holding", checksum_holding, METH_VARARGS, PyDoc_STR("checksum_holding(data) -> int\n\nHolds the GIL.")},
    {"fputs", fputs_releasing, METH_VARARGS,
     PyDoc_STR("fputs(text, path) -> int\n\nWrite a file, return the number of bytes. Releases the GIL.")},
    {"fputs_as_written", fputs_as_written, METH_VARARGS,
     PyDoc_STR("fputs_as_written(text, path) -> int\n\nWrite a file and hold the GIL.")},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "c_extension",
    .m_doc = PyDoc_STR("Twins that release the GIL and hold it."),
    .m_methods = methods,
};

PyMODINIT_FUNC
PyInit_c_extension(void)
{
    return PyModuleDef_Init(&definition);
}
