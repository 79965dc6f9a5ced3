#include <pybind11/pybind11.h>

#include "work.hpp"

namespace py = pybind11;

PYBIND11_MODULE(with_pybind11, m)
{
    m.def("steps_holding", &collatz_steps);

    m.def("steps", &collatz_steps, py::call_guard<py::gil_scoped_release>());

    m.def("steps_in_a_scope", [](std::uint64_t up_to) {
        std::uint64_t n_steps;
        {
            py::gil_scoped_release release;
            n_steps = collatz_steps(up_to);
        }
        return py::int_(n_steps); // makes a Python object, so it must stand outside of the scope
    });
}
