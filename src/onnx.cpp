#include <hone/onnx/exporter_impl.hpp>
#include <hone/onnx/importer_impl.hpp>
#include <hone/onnx/model_proto_impl.hpp>
#include <hone/onnx/save_model_impl.hpp>
#include <hone/onnx/tensor_proto_impl.hpp>
