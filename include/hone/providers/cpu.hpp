#pragma once

#include <hone/config.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/provider.hpp>
#include <hone/session/options.hpp>

#if !HONE_COMPILED
#include <hone/providers/cpu_impl.hpp>
#endif
