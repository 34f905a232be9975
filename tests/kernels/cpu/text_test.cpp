#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <hone/kernels/cpu/utf8.hpp>
#include <hone/ops/text.hpp>

#include "kernels/cpu/one_node.hpp"

namespace text_test {

using namespace hone_test;

TEST_CASE("cases beyond ASCII") {
  CHECK(hone::to_lower(U'\u00c9') == U'\u00e9');
  CHECK(hone::to_upper(U'\u0451') == U'\u0401');
  CHECK(hone::to_upper(U'\u00f7') == U'\u00f7');
  CHECK(hone::to_upper(U'\u03c9') == U'\u03a9');
}

TEST_CASE("StringNormalizer keeps bytes that are no UTF-8, and gives an empty string when nothing is left") {
  const auto a = attributes({{"case_change_action", string("UPPER")}, {"stopwords", hone::Attribute(std::vector<std::string>{"THE"})}});
  check_tensor<std::string>(run_node<hone::ops::StringNormalizer>(10, a, values(tensor<std::string>({3}, {"the", "a\xff", "\xc3\xa9"})))[0],
                            {2}, {"A\xff", "\xc3\x89"});
  check_tensor<std::string>(run_node<hone::ops::StringNormalizer>(10, a, values(tensor<std::string>({1, 1}, {"The"})))[0], {1, 1}, {""});
  CHECK_THROWS_AS(run_node<hone::ops::StringNormalizer>(10, a, values(tensor<std::string>({2, 1}, {"a", "b"}))), hone::Error);
}

TEST_CASE("StringSplit") {
  const Values y = run_node<hone::ops::StringSplit>(20, attributes({{"delimiter", string(",")}, {"maxsplit", integer(1)}}),
                                                    values(tensor<std::string>({2}, {"a,b,c", ""})), 2);
  check_tensor<std::string>(y[0], {2, 2}, {"a", "b,c", "", ""});
  check_tensor<std::int64_t>(y[1], {2}, {2, 1});
  check_tensor<std::string>(run_node<hone::ops::StringSplit>(20, {}, values(tensor<std::string>({1}, {"  a \t b "})), 2)[0], {1, 2},
                            {"a", "b"});
}

TEST_CASE("Tokenizer") {
  const auto tokens = [](hone::Attributes all, std::initializer_list<std::string> x) {
    const auto others = attributes({{"mark", integer(0)}, {"mincharnum", integer(1)}, {"pad_value", string("#")}});
    for (const auto& [name, value] : others)
      if (all.find(name) == nullptr) all.set(name, value);
    return std::move(run_node<hone::ops::Tokenizer>(1, all, values(tensor({static_cast<std::int64_t>(x.size())}, x)))[0]);
  };
  const auto separators = [](std::vector<std::string> list) {
    return std::pair(std::string("separators"), hone::Attribute(std::move(list)));
  };
  const auto expression = [](const char* text) { return std::pair(std::string("tokenexp"), string(text)); };
  check_tensor<std::string>(tokens({expression("[a-z]*")}, {"ab, cd", "", "\xc3\xa9x"}), {3, 2}, {"ab", "cd", "#", "#", "x", "#"});
  check_tensor<std::string>(tokens({expression("[a-z]+"), {"mincharnum", integer(2)}}, {"a bc d"}), {1, 1}, {"bc"});
  check_tensor<std::string>(tokens({separators({" ", ","}), {"mark", integer(1)}}, {"ab  cd,e", " "}), {2, 5},
                            {"\x02", "ab", "cd", "e", "\x03", "\x02", "\x03", "#", "#", "#"});
  check_tensor<std::string>(tokens({separators({"c|cd", "b"})}, {"abcd"}), {1, 1}, {"a"});
  check_tensor<std::string>(tokens({separators({"x*"})}, {"ab"}), {1, 1}, {"ab"});
  check_tensor<std::string>(tokens({separators({""})}, {"a\xc3\xa9", "b"}), {2, 2}, {"a", "\xc3\xa9", "b", "#"});
  check_tensor<std::string>(tokens({expression("a")}, {"", "b"}), {2, 0}, {});
  check_tensor<std::string>(tokens({expression("a")}, {}), {0, 0}, {});
  check_tensor<std::string>(tokens({expression("a"), {"mark", integer(1)}}, {"b"}), {1, 0}, {});
  CHECK_THROWS_AS(tokens({}, {"a"}), hone::Error);
  CHECK_THROWS_AS(tokens({separators({""}), {"mincharnum", integer(2)}}, {"a"}), hone::Error);
  CHECK_THROWS_AS(tokens({expression("a"), {"mincharnum", integer(0)}}, {"a"}), hone::Error);
  CHECK_THROWS_AS(tokens({expression("(")}, {"a"}), hone::Error);
}

TEST_CASE("TfIdfVectorizer has a weight for each n-gram of the pool, wherever that is counted") {
  const auto a = attributes({{"mode", string("TFIDF")},
                             {"min_gram_length", integer(1)},
                             {"max_gram_length", integer(1)},
                             {"max_skip_count", integer(0)},
                             {"ngram_counts", integers({0})},
                             {"ngram_indexes", integers({2, 0, 1})},
                             {"weights", hone::Attribute(std::vector<float>{10, 20, 30})},
                             {"pool_int64s", integers({5, 6, 7})}});
  check_tensor<float>(run_node<hone::ops::TfIdfVectorizer>(9, a, values(list({5, 5, 6, 7, 7, 7})))[0], {3}, {20, 90, 20});
}

TEST_CASE("TfIdfVectorizer refuses indexes that do not fit its pool") {
  const auto with = [](std::vector<std::int64_t> counts, std::vector<std::int64_t> indexes) {
    return attributes({{"mode", string("TF")},
                       {"min_gram_length", integer(1)},
                       {"max_gram_length", integer(1)},
                       {"max_skip_count", integer(0)},
                       {"ngram_counts", integers(std::move(counts))},
                       {"ngram_indexes", integers(std::move(indexes))},
                       {"pool_int64s", integers({5, 6})}});
  };
  check_tensor<float>(run_node<hone::ops::TfIdfVectorizer>(9, with({0}, {1, 0}), values(list({5, 5, 6, 9})))[0], {2}, {1, 2});
  CHECK_THROWS_AS(run_node<hone::ops::TfIdfVectorizer>(9, with({0}, {0}), values(list({5}))), hone::Error);
  CHECK_THROWS_AS(run_node<hone::ops::TfIdfVectorizer>(9, with({3}, {0, 1}), values(list({5}))), hone::Error);
  CHECK_THROWS_AS(run_node<hone::ops::TfIdfVectorizer>(9, with({0}, {0, -1}), values(list({5}))), hone::Error);
}

}  // namespace text_test
