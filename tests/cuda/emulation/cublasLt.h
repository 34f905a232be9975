#pragma once

// What hone uses of cuBLASLt, computed by the host with plain loops; see cuda_runtime.h beside this.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <cuda_runtime.h>

#include <hone/core/narrow_float.hpp>

enum cublasStatus_t { CUBLAS_STATUS_SUCCESS = 0, CUBLAS_STATUS_NOT_SUPPORTED = 15 };
enum cudaDataType_t { CUDA_R_32F = 0, CUDA_R_64F = 1, CUDA_R_16F = 2, CUDA_R_16BF = 14 };
enum cublasComputeType_t { CUBLAS_COMPUTE_32F = 68, CUBLAS_COMPUTE_64F = 70, CUBLAS_COMPUTE_32F_FAST_TF32 = 77 };
enum cublasOperation_t { CUBLAS_OP_N = 0, CUBLAS_OP_T = 1 };
enum cublasLtEpilogue_t { CUBLASLT_EPILOGUE_DEFAULT = 1, CUBLASLT_EPILOGUE_BIAS = 4 };
enum cublasLtMatmulDescAttributes_t {
  CUBLASLT_MATMUL_DESC_TRANSA,
  CUBLASLT_MATMUL_DESC_TRANSB,
  CUBLASLT_MATMUL_DESC_EPILOGUE,
  CUBLASLT_MATMUL_DESC_BIAS_POINTER
};
enum cublasLtMatrixLayoutAttribute_t { CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET };
enum cublasLtMatmulPreferenceAttributes_t {
  CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
  CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES,
  CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
  CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES,
  CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES
};

using cublasLtHandle_t = struct EmulatedBlas*;
struct cublasLtMatmulDescOpaque_t {
  cublasOperation_t a, b;
  cublasLtEpilogue_t epilogue;
  const void* bias;
};
struct cublasLtMatrixLayoutOpaque_t {
  cudaDataType_t type;
  std::uint64_t rows, columns;
  std::int64_t leading;
  std::int32_t batch;
  std::int64_t batch_stride;
};
struct cublasLtMatmulPreferenceOpaque_t {};
struct cublasLtMatmulAlgo_t {};
struct cublasLtMatmulHeuristicResult_t {
  cublasLtMatmulAlgo_t algo;
};

inline const char* cublasLtGetStatusString(cublasStatus_t) { return "emulated cuBLASLt does not support this"; }
inline cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  *handle = nullptr;
  return CUBLAS_STATUS_SUCCESS;
}
inline cublasStatus_t cublasLtDestroy(cublasLtHandle_t) { return CUBLAS_STATUS_SUCCESS; }
inline cublasStatus_t cublasLtMatmulDescInit(cublasLtMatmulDescOpaque_t* desc, cublasComputeType_t, cudaDataType_t) {
  *desc = {CUBLAS_OP_N, CUBLAS_OP_N, CUBLASLT_EPILOGUE_DEFAULT, nullptr};
  return CUBLAS_STATUS_SUCCESS;
}
inline cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDescOpaque_t* desc, cublasLtMatmulDescAttributes_t attribute,
                                                     const void* value, std::size_t bytes) {
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
      std::memcpy(&desc->a, value, bytes);
      break;
    case CUBLASLT_MATMUL_DESC_TRANSB:
      std::memcpy(&desc->b, value, bytes);
      break;
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
      std::memcpy(&desc->epilogue, value, bytes);
      break;
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
      std::memcpy(&desc->bias, value, bytes);
      break;
  }
  return CUBLAS_STATUS_SUCCESS;
}
inline cublasStatus_t cublasLtMatrixLayoutInit(cublasLtMatrixLayoutOpaque_t* layout, cudaDataType_t type, std::uint64_t rows,
                                               std::uint64_t columns, std::int64_t leading) {
  *layout = {type, rows, columns, leading, 1, 0};
  return leading >= static_cast<std::int64_t>(rows) ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}
inline cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayoutOpaque_t* layout, cublasLtMatrixLayoutAttribute_t attribute,
                                                       const void* value, std::size_t bytes) {
  if (attribute == CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT) {
    std::memcpy(&layout->batch, value, bytes);
  } else {
    std::memcpy(&layout->batch_stride, value, bytes);
  }
  return CUBLAS_STATUS_SUCCESS;
}
inline cublasStatus_t cublasLtMatmulPreferenceInit(cublasLtMatmulPreferenceOpaque_t*) { return CUBLAS_STATUS_SUCCESS; }
inline cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreferenceOpaque_t*, cublasLtMatmulPreferenceAttributes_t,
                                                           const void*, std::size_t) {
  return CUBLAS_STATUS_SUCCESS;
}
inline cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDescOpaque_t*, cublasLtMatrixLayoutOpaque_t*,
                                                     cublasLtMatrixLayoutOpaque_t*, cublasLtMatrixLayoutOpaque_t*,
                                                     cublasLtMatrixLayoutOpaque_t*, cublasLtMatmulPreferenceOpaque_t*, int,
                                                     cublasLtMatmulHeuristicResult_t*, int* found) {
  *found = 1;
  return CUBLAS_STATUS_SUCCESS;
}

namespace emulation {

/// D = epilogue(alpha op(A) op(B) + beta C), matrices by columns.
template <class T, class Sum>
cublasStatus_t multiply(const cublasLtMatmulDescOpaque_t& op, const void* alpha, const T* a, const cublasLtMatrixLayoutOpaque_t& la,
                        const T* b, const cublasLtMatrixLayoutOpaque_t& lb, const void* beta, const T* c, T* d,
                        const cublasLtMatrixLayoutOpaque_t& ld) {
  const Sum scale = *static_cast<const Sum*>(alpha);
  const Sum keep = *static_cast<const Sum*>(beta);
  const auto m = static_cast<std::int64_t>(ld.rows);
  const auto n = static_cast<std::int64_t>(ld.columns);
  const auto k = static_cast<std::int64_t>(op.a == CUBLAS_OP_T ? la.rows : la.columns);
  const bool fits = static_cast<std::int64_t>(op.a == CUBLAS_OP_T ? la.columns : la.rows) == m &&
                    static_cast<std::int64_t>(op.b == CUBLAS_OP_T ? lb.rows : lb.columns) == n &&
                    static_cast<std::int64_t>(op.b == CUBLAS_OP_T ? lb.columns : lb.rows) == k && la.batch == ld.batch &&
                    lb.batch == ld.batch;
  if (!fits) return CUBLAS_STATUS_NOT_SUPPORTED;
  const auto at = [](const T* p, const cublasLtMatrixLayoutOpaque_t& l, bool t, std::int64_t row, std::int64_t column) {
    return static_cast<Sum>(t ? p[row * l.leading + column] : p[column * l.leading + row]);
  };
  for (std::int32_t batch = 0; batch < ld.batch;
       ++batch, a += la.batch_stride, b += lb.batch_stride, c += ld.batch_stride, d += ld.batch_stride) {
    for (std::int64_t j = 0; j < n; ++j) {
      for (std::int64_t i = 0; i < m; ++i) {
        Sum sum = 0;
        for (std::int64_t l = 0; l < k; ++l) sum += at(a, la, op.a == CUBLAS_OP_T, i, l) * at(b, lb, op.b == CUBLAS_OP_T, l, j);
        sum *= scale;
        if (keep != 0) sum += keep * static_cast<Sum>(c[j * ld.leading + i]);
        if ((op.epilogue & CUBLASLT_EPILOGUE_BIAS) != 0) sum += static_cast<Sum>(static_cast<const T*>(op.bias)[i]);
        d[j * ld.leading + i] = static_cast<T>(sum);
      }
    }
  }
  return CUBLAS_STATUS_SUCCESS;
}

}  // namespace emulation

inline cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDescOpaque_t* op, const void* alpha, const void* a,
                                     cublasLtMatrixLayoutOpaque_t* la, const void* b, cublasLtMatrixLayoutOpaque_t* lb, const void* beta,
                                     const void* c, cublasLtMatrixLayoutOpaque_t*, void* d, cublasLtMatrixLayoutOpaque_t* ld,
                                     const cublasLtMatmulAlgo_t*, void*, std::size_t, cudaStream_t) {
  const emulation::DeviceAccess access;
  const auto as = [&]<class T, class Sum>(T*, Sum) {
    return emulation::multiply<T, Sum>(*op, alpha, static_cast<const T*>(a), *la, static_cast<const T*>(b), *lb, beta,
                                       static_cast<const T*>(c), static_cast<T*>(d), *ld);
  };
  switch (ld->type) {
    case CUDA_R_32F:
      return as(static_cast<float*>(nullptr), 0.0f);
    case CUDA_R_64F:
      return as(static_cast<double*>(nullptr), 0.0);
    case CUDA_R_16F:
      return as(static_cast<hone::Half*>(nullptr), 0.0f);
    default:
      return as(static_cast<hone::BFloat16*>(nullptr), 0.0f);
  }
}
