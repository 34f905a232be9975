#pragma once

#include <hone/config.hpp>

namespace onnx {
class ModelProto;
class TensorProto;
}

namespace hone::inline HONE_ABI {

class Error;
class Graph;
class Provider;
class Session;
class Value;
class Shape;
struct Cpu;
struct Node;
struct SessionOptions;

}  // namespace hone::inline HONE_ABI
