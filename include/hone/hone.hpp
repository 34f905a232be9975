#pragma once

#include <hone/config.hpp>
#include <hone/core/dtype.hpp>
#include <hone/core/error.hpp>
#include <hone/core/shape.hpp>
#include <hone/core/tensor.hpp>
#include <hone/core/value.hpp>
#include <hone/fwd.hpp>
#include <hone/image/image_decoder.hpp>
#include <hone/onnx/tensor_proto.hpp>
#include <hone/providers/cpu.hpp>
#include <hone/providers/cpu_with.hpp>
#include <hone/session/config_entries.hpp>
#include <hone/session/session.hpp>
#include <hone/version.hpp>
