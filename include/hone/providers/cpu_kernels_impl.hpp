#pragma once

#include <hone/providers/cpu_kernels/algebra_impl.hpp>
#include <hone/providers/cpu_kernels/attention_impl.hpp>
#include <hone/providers/cpu_kernels/conversion_impl.hpp>
#include <hone/providers/cpu_kernels/convolution_impl.hpp>
#include <hone/providers/cpu_kernels/elementwise_impl.hpp>
#include <hone/providers/cpu_kernels/indexing_impl.hpp>
#include <hone/providers/cpu_kernels/loss_impl.hpp>
#include <hone/providers/cpu_kernels/matrix_impl.hpp>
#include <hone/providers/cpu_kernels/movement_impl.hpp>
#include <hone/providers/cpu_kernels/quantization_impl.hpp>
#include <hone/providers/cpu_kernels/reduction_impl.hpp>
#include <hone/providers/cpu_kernels/sequence_impl.hpp>
#include <hone/providers/cpu_kernels/signal_impl.hpp>
#include <hone/providers/cpu_kernels/text_impl.hpp>
#include <hone/providers/cpu_kernels/vision_impl.hpp>
