#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/session/loaded_model.hpp>

namespace hone::inline HONE_ABI::detail {

/// The models that sessions of the process have and others may share. It keeps none alive.
class ModelCache {
 public:
  static ModelCache& shared() {
    static ModelCache cache;
    return cache;
  }

  /// The model of that key whose files are as they were when it was read; null when there is none.
  [[nodiscard]] std::shared_ptr<const LoadedModel> find(const ModelKey& key) {
    std::vector<std::shared_ptr<const LoadedModel>> models;
    {
      const std::lock_guard lock(mutex_);
      models = living();
    }
    for (auto& model : models)
      if (model->key == key && model->is_current()) return std::move(model);
    return nullptr;
  }

  /// Makes a new model, which has a key, known to others. Gives the one to use: another thread may have been faster with the same one.
  [[nodiscard]] std::shared_ptr<const LoadedModel> add(std::shared_ptr<const LoadedModel> model) {
    std::vector<std::shared_ptr<const LoadedModel>> models;
    const std::lock_guard lock(mutex_);
    models = living();
    for (auto& other : models)
      if (other->key == model->key && other->files() == model->files()) return std::move(other);
    models_.push_back(model);
    return model;
  }

 private:
  // Under the lock. Whoever asks lets go of the models after it: with the last reference go a whole model and what users have put into it.
  [[nodiscard]] std::vector<std::shared_ptr<const LoadedModel>> living() {
    std::erase_if(models_, [](const auto& model) { return model.expired(); });
    std::vector<std::shared_ptr<const LoadedModel>> result;
    result.reserve(models_.size());
    for (const auto& model : models_)
      if (auto held = model.lock()) result.push_back(std::move(held));
    return result;
  }

  std::mutex mutex_;
  std::vector<std::weak_ptr<const LoadedModel>> models_;
};

}  // namespace hone::inline HONE_ABI::detail
