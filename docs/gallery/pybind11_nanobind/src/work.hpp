// The work. It knows nothing about Python.
#pragma once
#include <cstdint>

inline std::uint64_t collatz_steps(std::uint64_t up_to)
{
    std::uint64_t n_steps = 0;
    for (std::uint64_t start = 1; start <= up_to; start++) {
        for (std::uint64_t n = start; n != 1; n = n % 2 ? 3 * n + 1 : n / 2) {
            n_steps++;
        }
    }
    return n_steps;
}
