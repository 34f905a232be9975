#pragma once

#include <hone/kernels/cpu/argmax.hpp>
#include <hone/kernels/cpu/compress.hpp>
#include <hone/kernels/cpu/cumulative.hpp>
#include <hone/kernels/cpu/gather.hpp>
#include <hone/kernels/cpu/non_max_suppression.hpp>
#include <hone/kernels/cpu/nonzero.hpp>
#include <hone/kernels/cpu/onehot.hpp>
#include <hone/kernels/cpu/scatter.hpp>
#include <hone/kernels/cpu/topk.hpp>
#include <hone/kernels/cpu/unique.hpp>
#include <hone/providers/cpu_kernels/indexing.hpp>
