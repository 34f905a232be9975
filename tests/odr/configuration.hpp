#pragma once

#include <string>
#include <vector>

/// What a translation unit of one configuration says of itself, in types that all configurations share.
struct Facts {
  std::string name_space;                          ///< the inline namespace that its flags should give
  std::string session_type;                        ///< the mangled name of hone::Session
  const void* inline_function;                     ///< the address of a function that the headers define
  std::string kernel;                              ///< what its session ran MatMul with
  std::vector<float> product;                      ///< and the result
  void (*throw_error)();                           ///< throws hone::Error
  bool (*throws_my_error)(void (*throw_error)());  ///< whether the call throws what is hone::Error here
};

Facts header_only_baseline(const std::string& model);
Facts header_only_baseline_again(const std::string& model);
Facts header_only_wide(const std::string& model);
Facts compiled(const std::string& model);
