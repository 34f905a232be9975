#pragma once

#include <hone/config.hpp>
#include <hone/ops/features.hpp>
#include <hone/ops/label_encoder.hpp>
#include <hone/ops/linear_model.hpp>
#include <hone/ops/map.hpp>
#include <hone/ops/svm.hpp>
#include <hone/ops/tree_ensemble.hpp>
#include <hone/providers/kernel_list.hpp>

namespace hone::inline HONE_ABI {

// clang-format off
using CpuMlKernels = KernelList<
    entry<ops::ArrayFeatureExtractor>,
    entry<ops::Binarizer>,
    entry<ops::CastMap>,
    entry<ops::CategoryMapper>,
    entry<ops::DictVectorizer>,
    entry<ops::FeatureVectorizer>,
    entry<ops::Imputer>,
    entry<ops::LabelEncoder>,
    entry<ops::LinearClassifier>,
    entry<ops::LinearRegressor>,
    entry<ops::Normalizer>,
    entry<ops::OneHotEncoder>,
    entry<ops::SVMClassifier>,
    entry<ops::SVMRegressor>,
    entry<ops::Scaler>,
    entry<ops::TreeEnsemble>,
    entry<ops::TreeEnsembleClassifier>,
    entry<ops::TreeEnsembleRegressor>,
    entry<ops::ZipMap>>;
// clang-format on

}  // namespace hone::inline HONE_ABI
