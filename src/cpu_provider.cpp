#include <hone/providers/cpu_impl.hpp>
