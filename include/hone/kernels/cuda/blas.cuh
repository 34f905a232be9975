#pragma once

#include <cstddef>
#include <cstdint>
#include <cublasLt.h>
#include <cuda_runtime.h>
#include <mutex>
#include <string>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/error.hpp>
#include <hone/core/narrow_float.hpp>

namespace hone::inline HONE_ABI::cuda {

/// cuBLASLt, one handle per GPU.
class Blas {
 public:
  /// Memory that its kernels may use; what NVIDIA recommends for Hopper.
  static constexpr std::size_t workspace_bytes = std::size_t{32} << 20;

  /// Errors: runtime_exception.
  Blas() {
    if (const cublasStatus_t status = cublasLtCreate(&handle_); status != CUBLAS_STATUS_SUCCESS)
      fail(ErrorCode::runtime_exception, "cuBLASLt does not start: ", cublasLtGetStatusString(status));
  }
  Blas(const Blas&) = delete;
  Blas& operator=(const Blas&) = delete;
  ~Blas() { cublasLtDestroy(handle_); }

  [[nodiscard]] cublasLtHandle_t handle() const noexcept { return handle_; }

 private:
  cublasLtHandle_t handle_ = nullptr;
};

/// A row-major matrix, or a batch of them at equal distances, 0 for the same one.
struct Matrix {
  const void* data = nullptr;
  std::int64_t row_stride = 0;  ///< elements
  std::int64_t batch_stride = 0;
  bool transposed = false;  ///< the matrix is the transpose of what lies there
};

/// D = alpha A B + beta C + bias. Shapes: A (m, k), B (k, n), C and D (m, n), bias (n) or null.
struct Product {
  std::int64_t m = 0;
  std::int64_t n = 0;
  std::int64_t k = 0;
  std::int64_t batch = 1;
  Matrix a;
  Matrix b;
  void* d = nullptr;
  std::int64_t d_batch_stride = 0;
  float alpha = 1;
  float beta = 0;  ///< C lies where D goes
  const void* bias = nullptr;
};

template <class T>
inline constexpr cudaDataType_t blas_type = CUDA_R_32F;
template <>
inline constexpr cudaDataType_t blas_type<double> = CUDA_R_64F;
template <>
inline constexpr cudaDataType_t blas_type<Half> = CUDA_R_16F;
template <>
inline constexpr cudaDataType_t blas_type<BFloat16> = CUDA_R_16BF;

/// Multiplies matrices of one kind, and remembers what cuBLASLt has chosen for each of the shapes that it has met.
class Products {
 public:
  Products(const Blas& blas, cudaDataType_t type, bool tf32)
      : blas_(&blas),
        type_(type),
        scale_(type == CUDA_R_64F ? CUDA_R_64F : CUDA_R_32F),
        compute_(type == CUDA_R_64F           ? CUBLAS_COMPUTE_64F
                 : type == CUDA_R_32F && tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32
                                              : CUBLAS_COMPUTE_32F) {}

  /// Puts the product on the stream; `workspace` has Blas::workspace_bytes. Returns what went wrong, else null.
  [[nodiscard]] const char* run(const Product& product, void* workspace, cudaStream_t stream) const {
    // cuBLASLt knows matrices by columns: the transpose of a row-major one. D^T = B^T A^T.
    cublasLtMatmulDescOpaque_t operation;
    cublasLtMatrixLayoutOpaque_t a;
    cublasLtMatrixLayoutOpaque_t b;
    cublasLtMatrixLayoutOpaque_t d;
    cublasLtMatmulDescInit(&operation, compute_, scale_);
    const auto set = [&](cublasLtMatmulDescAttributes_t attribute, const auto& value) {
      cublasLtMatmulDescSetAttribute(&operation, attribute, &value, sizeof value);
    };
    set(CUBLASLT_MATMUL_DESC_TRANSA, product.b.transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
    set(CUBLASLT_MATMUL_DESC_TRANSB, product.a.transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
    if (product.bias != nullptr) {
      set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, product.bias);
      set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
    }
    layout(b, product.b, product.k, product.n, product.batch);
    layout(a, product.a, product.m, product.k, product.batch);
    layout(d, {product.d, product.n, product.d_batch_stride, false}, product.m, product.n, product.batch);

    cublasLtMatmulAlgo_t algorithm;
    if (const char* error = choose(product, operation, b, a, d, algorithm)) return error;
    const double alpha64 = product.alpha;
    const double beta64 = product.beta;
    const bool wide = scale_ == CUDA_R_64F;
    const void* alpha = wide ? static_cast<const void*>(&alpha64) : &product.alpha;
    const void* beta = wide ? static_cast<const void*>(&beta64) : &product.beta;
    const cublasStatus_t status = cublasLtMatmul(blas_->handle(), &operation, alpha, product.b.data, &b, product.a.data, &a, beta,
                                                 product.d, &d, product.d, &d, &algorithm, workspace, Blas::workspace_bytes, stream);
    return status == CUBLAS_STATUS_SUCCESS ? nullptr : cublasLtGetStatusString(status);
  }

 private:
  struct Choice {
    Product shape;
    cublasLtMatmulAlgo_t algorithm;
  };

  void layout(cublasLtMatrixLayoutOpaque_t& layout, const Matrix& matrix, std::int64_t rows, std::int64_t columns,
              std::int64_t batch) const {
    const std::int64_t fast = matrix.transposed ? rows : columns;
    const std::int64_t slow = matrix.transposed ? columns : rows;
    cublasLtMatrixLayoutInit(&layout, type_, static_cast<std::uint64_t>(fast), static_cast<std::uint64_t>(slow), matrix.row_stride);
    const auto count = static_cast<std::int32_t>(batch);
    cublasLtMatrixLayoutSetAttribute(&layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof count);
    cublasLtMatrixLayoutSetAttribute(&layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &matrix.batch_stride,
                                     sizeof matrix.batch_stride);
  }

  /// Bytes, of those that make a difference to cuBLASLt.
  [[nodiscard]] static std::uint32_t alignment_of(const void* data) {
    const auto address = reinterpret_cast<std::uintptr_t>(data) | 256;
    return static_cast<std::uint32_t>(address & -address);
  }

  [[nodiscard]] static bool same_shape(const Product& a, const Product& b) {
    const auto same = [](const Matrix& x, const Matrix& y) {
      return x.row_stride == y.row_stride && x.batch_stride == y.batch_stride && x.transposed == y.transposed &&
             alignment_of(x.data) == alignment_of(y.data);
    };
    return a.m == b.m && a.n == b.n && a.k == b.k && a.batch == b.batch && same(a.a, b.a) && same(a.b, b.b) &&
           alignment_of(a.d) == alignment_of(b.d) && (a.bias != nullptr) == (b.bias != nullptr);
  }

  /// What cuBLASLt takes for the product. Returns what went wrong, else null.
  [[nodiscard]] const char* choose(const Product& product, cublasLtMatmulDescOpaque_t& operation, cublasLtMatrixLayoutOpaque_t& b,
                                   cublasLtMatrixLayoutOpaque_t& a, cublasLtMatrixLayoutOpaque_t& d,
                                   cublasLtMatmulAlgo_t& algorithm) const {
    const std::lock_guard lock(mutex_);
    for (const Choice& choice : choices_) {
      if (!same_shape(choice.shape, product)) continue;
      algorithm = choice.algorithm;
      return nullptr;
    }
    cublasLtMatmulPreferenceOpaque_t preference;
    cublasLtMatmulPreferenceInit(&preference);
    const std::uint64_t bytes = Blas::workspace_bytes;
    cublasLtMatmulPreferenceSetAttribute(&preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &bytes, sizeof bytes);
    const auto align = [&](cublasLtMatmulPreferenceAttributes_t attribute, const void* data) {
      const std::uint32_t alignment = alignment_of(data);
      cublasLtMatmulPreferenceSetAttribute(&preference, attribute, &alignment, sizeof alignment);
    };
    align(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, product.b.data);
    align(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, product.a.data);
    align(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, product.d);
    align(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, product.d);
    cublasLtMatmulHeuristicResult_t result;
    int found = 0;
    const cublasStatus_t status =
        cublasLtMatmulAlgoGetHeuristic(blas_->handle(), &operation, &b, &a, &d, &d, &preference, 1, &result, &found);
    if (status != CUBLAS_STATUS_SUCCESS) return cublasLtGetStatusString(status);
    if (found == 0) return "cuBLASLt has no algorithm for a product of this shape";
    if (choices_.size() == max_choices) choices_.erase(choices_.begin());
    choices_.push_back({product, result.algo});
    algorithm = result.algo;
    return nullptr;
  }

  static constexpr std::size_t max_choices = 64;

  const Blas* blas_;
  cudaDataType_t type_;
  cudaDataType_t scale_;
  cublasComputeType_t compute_;
  mutable std::mutex mutex_;
  mutable std::vector<Choice> choices_;
};

}  // namespace hone::inline HONE_ABI::cuda
