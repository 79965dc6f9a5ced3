/* Text search for Python, and the three ways in which such functions treat the GIL.
 *
 *   count(text, needle)          lets go of the GIL for the search: other threads run meanwhile.
 *   count_holding(text, needle)  the same search by an author who forgot: nobody else runs.
 *   positions(text, needle)      lets go for the search, then builds a list of all places with the GIL in hand.
 *                                Reviews pass it, because the macro is there; for much of the call it holds.
 *
 * Only `bytes` are taken: they cannot change while the GIL is out of our hands.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *start;
    size_t length;
} Slice;

/* The first place of `needle` in `text` from `from` on, or `text.length` where there is none. No Python in here. */
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

/* How often does `needle` occur, overlapping places included? */
static size_t
count_all(Slice text, Slice needle)
{
    size_t n = 0;
    for (size_t at = find_from(text, needle, 0); at < text.length; at = find_from(text, needle, at + 1)) {
        n++;
    }
    return n;
}

/* Reads (text, needle); on failure an exception is set and 0 returned.
 * The slices borrow from the arguments, which the caller keeps alive for the length of the call. */
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
    /* From here on every line needs the GIL, and a common needle makes this the longer half. */
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
     PyDoc_STR("count(text, needle) -> int\n\nHow often does needle occur? Releases the GIL.")},
    {"count_holding", count_holding, METH_VARARGS,
     PyDoc_STR("count_holding(text, needle) -> int\n\nThe same, holding the GIL.")},
    {"positions", positions, METH_VARARGS,
     PyDoc_STR("positions(text, needle) -> list[int]\n\nWhere does needle occur?")},
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
