#pragma once

#include <hone/providers/cpu_kernels/matrix_impl.hpp>
