#pragma once

#include <hone/kernels/cpu/features.hpp>
#include <hone/kernels/cpu/label_encoder.hpp>
#include <hone/kernels/cpu/linear_model.hpp>
#include <hone/kernels/cpu/map.hpp>
#include <hone/kernels/cpu/svm.hpp>
#include <hone/kernels/cpu/tree_ensemble.hpp>
#include <hone/providers/cpu_kernels/ml.hpp>
