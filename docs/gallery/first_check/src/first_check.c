/* Text search for Python, in three functions that differ in what they do to the GIL.
 *
 *   count(text, needle)          releases the GIL for the search: other threads run meanwhile.
 *   count_holding(text, needle)  is the same search, but its author forgot the release: no other thread runs.
 *   positions(text, needle)      releases the GIL for the search, then builds a list of all positions while holding it.
 *                                Reviews pass it because the macro is there, but it holds the GIL for much of the call.
 *
 * Only `bytes` are accepted: they cannot change while the GIL is released.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *start;
    size_t length;
} Slice;

/* Returns the first position of `needle` in `text` at or after `from`, else `text.length`. Uses no Python object. */
static size_t
find_from(Slice text, Slice needle, size_t from)
{
    while (text.length - from >= needle.length) {
        const char *hit = memchr(text.start + from, needle.start[0], text.length - from - needle.length + 1);
        if (hit == NULL) {
            break;
        }
        size_t at = (size_t)(hit - text.start);
        if (memcmp(hit, needle.start, needle.length) == 0) {
            return at;
        }
        from = at + 1;
    }
    return text.length;
}

/* Returns how often `needle` occurs, including overlapping occurrences. */
static size_t
count_all(Slice text, Slice needle)
{
    size_t n = 0;
    for (size_t at = find_from(text, needle, 0); at < text.length; at = find_from(text, needle, at + 1)) {
        n++;
    }
    return n;
}

/* Reads (text, needle). On failure it sets an exception and returns 0.
 * The slices borrow from the arguments, which the caller keeps alive during the call. */
static int
read_arguments(PyObject *args, Slice *text, Slice *needle)
{
    PyObject *text_object, *needle_object;
    if (!PyArg_ParseTuple(args, "SS", &text_object, &needle_object)) {
        return 0;
    }
    if (PyBytes_GET_SIZE(needle_object) == 0) {
        PyErr_SetString(PyExc_ValueError, "needle is empty: give at least one byte to look for");
        return 0;
    }
    *text = (Slice){PyBytes_AS_STRING(text_object), (size_t)PyBytes_GET_SIZE(text_object)};
    *needle = (Slice){PyBytes_AS_STRING(needle_object), (size_t)PyBytes_GET_SIZE(needle_object)};
    return 1;
}

static PyObject *
count(PyObject *Py_UNUSED(module), PyObject *args)
{
    Slice text, needle;
    if (!read_arguments(args, &text, &needle)) {
        return NULL;
    }
    size_t n;
    Py_BEGIN_ALLOW_THREADS
    n = count_all(text, needle);
    Py_END_ALLOW_THREADS
    return PyLong_FromSize_t(n);
}

static PyObject *
count_holding(PyObject *Py_UNUSED(module), PyObject *args)
{
    Slice text, needle;
    if (!read_arguments(args, &text, &needle)) {
        return NULL;
    }
    return PyLong_FromSize_t(count_all(text, needle));
}

static PyObject *
positions(PyObject *Py_UNUSED(module), PyObject *args)
{
    Slice text, needle;
    if (!read_arguments(args, &text, &needle)) {
        return NULL;
    }
    size_t n = 0;
    size_t *places;
    Py_BEGIN_ALLOW_THREADS
    places = malloc((count_all(text, needle) + 1) * sizeof *places);
    if (places != NULL) {
        for (size_t at = find_from(text, needle, 0); at < text.length; at = find_from(text, needle, at + 1)) {
            places[n++] = at;
        }
    }
    Py_END_ALLOW_THREADS
    if (places == NULL) {
        return PyErr_NoMemory();
    }
    /* From here on every line needs the GIL. With a common needle this part takes longer than the search. */
    PyObject *list = PyList_New((Py_ssize_t)n);
    for (size_t i = 0; list != NULL && i < n; i++) {
        PyObject *place = PyLong_FromSize_t(places[i]);
        if (place == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, (Py_ssize_t)i, place);
        }
    }
    free(places);
    return list;
}

static PyMethodDef methods[] = {
    {"count", count, METH_VARARGS,
     PyDoc_STR("count(text, needle) -> int\n\nReturn how often needle occurs. Releases the GIL.")},
    {"count_holding", count_holding, METH_VARARGS,
     PyDoc_STR("count_holding(text, needle) -> int\n\nReturn the same as count, but hold the GIL.")},
    {"positions", positions, METH_VARARGS,
     PyDoc_STR("positions(text, needle) -> list[int]\n\nReturn all positions of needle.")},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
#ifdef Py_GIL_DISABLED
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "first_check",
    .m_doc = PyDoc_STR("Text search in C, with the GIL released, held, and in between."),
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC
PyInit_first_check(void)
{
    return PyModuleDef_Init(&definition);
}
