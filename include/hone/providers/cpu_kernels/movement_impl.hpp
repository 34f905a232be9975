#pragma once

#include <hone/kernels/concat.hpp>
#include <hone/kernels/cpu/generate.hpp>
#include <hone/kernels/cpu/identity.hpp>
#include <hone/kernels/cpu/pad.hpp>
#include <hone/kernels/cpu/reverse_sequence.hpp>
#include <hone/kernels/cpu/shape.hpp>
#include <hone/kernels/cpu/strided_copy.hpp>
#include <hone/kernels/cpu/trilu.hpp>
#include <hone/kernels/cpu/where.hpp>
#include <hone/kernels/depth_to_space.hpp>
#include <hone/kernels/reshape.hpp>
#include <hone/kernels/slice.hpp>
#include <hone/kernels/tile.hpp>
#include <hone/kernels/transpose.hpp>
#include <hone/providers/cpu_kernels/movement.hpp>
