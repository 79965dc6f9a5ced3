#include <nanobind/nanobind.h>

#include "work.hpp"

namespace nb = nanobind;

NB_MODULE(with_nanobind, m)
{
    m.def("steps_holding", &collatz_steps);

    m.def("steps", &collatz_steps, nb::call_guard<nb::gil_scoped_release>());
}
