#pragma once

#include <hone/kernels/cpu/concat.hpp>
#include <hone/kernels/cpu/depth_to_space.hpp>
#include <hone/kernels/cpu/generate.hpp>
#include <hone/kernels/cpu/identity.hpp>
#include <hone/kernels/cpu/pad.hpp>
#include <hone/kernels/cpu/reshape.hpp>
#include <hone/kernels/cpu/reverse_sequence.hpp>
#include <hone/kernels/cpu/shape.hpp>
#include <hone/kernels/cpu/slice.hpp>
#include <hone/kernels/cpu/tile.hpp>
#include <hone/kernels/cpu/transpose.hpp>
#include <hone/kernels/cpu/trilu.hpp>
#include <hone/kernels/cpu/where.hpp>
#include <hone/providers/cpu_kernels/movement.hpp>
