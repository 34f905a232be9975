#pragma once

#include <hone/kernels/cpu/center_crop_pad.hpp>
#include <hone/kernels/cpu/col2im.hpp>
#include <hone/kernels/cpu/deform_conv.hpp>
#include <hone/kernels/cpu/grid_sample.hpp>
#include <hone/kernels/cpu/max_unpool.hpp>
#include <hone/kernels/cpu/roi.hpp>
#include <hone/providers/cpu_kernels/vision.hpp>
