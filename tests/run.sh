#!/usr/bin/env bash
# Sets everything up, builds hone in every flavour and runs all tests. The last line counts them.
#   tests/run.sh              everything
#   tests/run.sh STEP...      only these steps: release conformance operators zoo zoo_wide differential sklearn packaging header-only
#                             single asan style, or nightly, which searches longer for races, for damaged models that do harm and for
#                             differences, and is not part of everything
set -euo pipefail
cd "$(dirname "$0")/.."

passed=0
failed=0
skipped=0
failures=()
ran=0
# The folders of the ONNX suite.
suite="node simple pytorch-converted pytorch-operator light"

# count PASSED FAILED SKIPPED WHAT: adds to the totals.
count() {
  passed=$((passed + $1))
  failed=$((failed + $2))
  skipped=$((skipped + $3))
  (($2 == 0)) || failures+=("$4")
}

# check WHAT COMMAND...: a step that is one test.
check() {
  local what=$1
  shift
  if "$@"; then count 1 0 0 "$what"; else count 0 1 0 "$what"; fi
}

# skip WHAT WHY: says and counts what is not tested.
skip() {
  echo "SKIPPED $1: $2"
  count 0 0 1 "$1"
}

# compile PRESET [TARGET...]: configures and builds; what that prints is in build/PRESET.log.
compile() {
  local preset=$1
  shift
  local targets=()
  (($# == 0)) || targets=(--target "$@")
  mkdir -p build
  cmake --preset "$preset" "${configure[@]}" >"build/$preset.log" 2>&1 &&
    cmake --build --preset "$preset" -j "$jobs" "${targets[@]}" >>"build/$preset.log" 2>&1
}

# build PRESET [TARGET...]: the same; a failure is shown, and counts as one failed test.
build() {
  local preset=$1 log=build/$1.log
  compile "$@" && return 0
  grep -E -A12 'FAILED:|CMake Error|error:' "$log" | head -n 80 || tail -n 40 "$log"
  count 0 1 0 "build $preset"
  return 1
}

# run_ctest PRESET [ARGUMENT...]
run_ctest() {
  local preset=$1 last
  shift
  local log=build/$preset-ctest.log
  ctest --preset "$preset" "$@" >"$log" 2>&1 || true
  # "100% tests passed, 0 tests failed out of 12"
  last=$(grep -E 'tests passed, [0-9]+ tests? failed out of [0-9]+' "$log" || true)
  if [[ $last =~ ([0-9]+)\ tests?\ failed\ out\ of\ ([0-9]+) ]] && ((BASH_REMATCH[2] > 0)); then
    local bad=${BASH_REMATCH[1]} all=${BASH_REMATCH[2]} unmet
    ((bad == 0)) || awk '/^ *Start +[0-9]+:/ || /tests passed,/ { if (bad) printf "%s", text; text = ""; bad = 0 }
                         { text = text $0 "\n" } /\*\*\*/ { bad = 1 }' "$log" | head -n 300
    unmet=$(grep -hc '^SKIPPED ' "build/$preset/Testing/Temporary/LastTest.log" || true)
    grep -h '^SKIPPED ' "build/$preset/Testing/Temporary/LastTest.log" | sort -u || true
    count $((all - bad)) "$bad" "${unmet:-0}" "ctest $preset"
    echo "ctest $preset: $((all - bad)) of $all"
  else
    tail -n 30 "$log"
    count 0 1 0 "ctest $preset"
  fi
}

# run_cases LIST WHAT TOOL [ARGUMENT...] -- runs hone_conformance. What LIST names must pass; what it does not name may fail, and counts as
# skipped. Adds the number of cases to `ran`; what LIST names and this run does not see is left to all_cases_ran and all_named_exist.
run_cases() {
  local list=$1 what=$2 tool=$3
  shift 3
  local log
  log=$(mktemp)
  "$tool" "$@" >"$log" 2>&1 || true
  if ! grep -qE '^[0-9]+ passed, [0-9]+ failed$' <(tail -n 1 "$log"); then
    tail -n 5 "$log"
    count 0 1 0 "$what"
    rm "$log"
    return
  fi
  local good lost more
  good=$(sed -nE 's/^PASS ([^:]*).*/\1/p' "$log" | LC_ALL=C sort)
  lost=$(LC_ALL=C comm -23 <(grep -v '^#' "$list" | LC_ALL=C sort) <(echo "$good"))
  # only names that this run has seen at all: a filter may leave some out
  lost=$(LC_ALL=C comm -12 <(echo "$lost") <(sed -nE 's/^FAIL ([^:]*):.*/\1/p' "$log" | LC_ALL=C sort))
  more=$(LC_ALL=C comm -13 <(grep -v '^#' "$list" | LC_ALL=C sort) <(echo "$good") | wc -l)
  local n_good n_lost n_all
  n_good=$(grep -c '^PASS ' "$log" || true)
  n_all=$(grep -cE '^(PASS|FAIL) ' "$log" || true)
  n_lost=$(grep -c . <<<"$lost" || true)
  ran=$((ran + n_all))
  echo "$what: $n_good of $n_all pass, $n_lost of those that must pass fail, $more pass that $list does not name"
  for name in $lost; do grep -F "FAIL $name:" "$log" | cut -c 1-400; done
  count "$n_good" "$n_lost" $((n_all - n_good - n_lost)) "$what"
  rm "$log"
}

# expected NAME... -- the sum of what tests/conformance/counts.txt says of NAMES.
expected() {
  local name number sum=0
  for name; do
    number=$(sed -n "s/^$name //p" tests/conformance/counts.txt)
    sum=$((sum + number))
  done
  echo "$sum"
}

# all_cases_ran WHAT NUMBER -- whether NUMBER cases have run since the last such question.
all_cases_ran() {
  local now=$ran
  ran=0
  ((now == $2)) && return
  echo "$1: $now cases ran, expected $2"
  return 1
}

# all_named_exist LIST FOLDER... -- whether there is a case in FOLDERS for each name in LIST.
all_named_exist() {
  local list=$1 gone
  shift
  gone=$(LC_ALL=C comm -23 <(grep -v '^#' "$list" | LC_ALL=C sort) \
    <(find -L "$@" -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | LC_ALL=C sort -u))
  [[ -n $gone ]] || return 0
  echo "$list names cases that are not there:" $gone
  return 1
}

# run_suite WHAT FOLDERS TOOL [ARGUMENT...] -- run_cases over FOLDERS of the ONNX suite, and whether all of their cases ran.
run_suite() {
  local what=$1 folders=$2
  shift 2
  run_cases tests/conformance/passing.txt "$what" "$@" $(printf 'build/conformance/%s ' $folders)
  check "number of cases, $what" all_cases_ran "$what" "$(expected $folders)"
}

# The cases of the ONNX suite, which tests read too.
write_cases() {
  .venv/bin/python tests/conformance/generate.py build/conformance
}

step_release() {
  write_cases || return 1
  build release && run_ctest release
}

step_conformance() {
  write_cases || return 1
  build release hone_conformance || return 0
  local tool=build/release/bin/hone_conformance folder arch arches
  arches=$(tests/conformance/arches.sh) || return 1
  check "tests/conformance/counts.txt is of the onnx in tests/requirements.txt" \
    grep -qx "onnx==$(sed -n 's/^onnx //p' tests/conformance/counts.txt)" tests/requirements.txt
  check "the cases in tests/conformance/passing.txt are there" all_named_exist tests/conformance/passing.txt build/conformance/*/
  for folder in $suite; do run_suite "conformance/$folder" "$folder" "$tool"; done
  run_suite "conformance, 1 thread" "$suite" "$tool" --threads 1
  run_suite "conformance, level disabled, 1 thread" "$suite" "$tool" --threads 1 --level disabled
  run_suite "conformance, saved and loaded" "$suite" "$tool" --reload
  for arch in $arches; do
    HONE_FORCE_ARCH=$arch run_suite "conformance, level disabled, $arch" "$suite" "$tool" --level disabled
    [[ $arch == avx512 ]] || HONE_FORCE_ARCH=$arch run_suite "conformance, level all, $arch" "$suite" "$tool"
  done
}

operators_table() {
  local table
  table=$(mktemp)
  if .venv/bin/python docs/operators.py "$table" && diff docs/operators.md "$table"; then
    rm "$table"
    return 0
  fi
  rm "$table"
  echo "docs/operators.md is not what the library says: see its head for the commands that write it"
  return 1
}

step_operators() {
  write_cases || return 1
  build release hone_support && check "docs/operators.md is up to date" operators_table
}

step_zoo() {
  if [[ ! -f ../shared/zoo/materialize.py ]]; then
    skip zoo "../shared/zoo is not there"
    return 0
  fi
  build release hone_conformance session_heap_test || return 0
  if [[ ! -f build/zoo/complete ]]; then
    .venv/bin/python ../shared/zoo/materialize.py --into build/zoo >/dev/null || return 1
    touch build/zoo/complete
  fi
  check "zoo, heap calls" env HONE_ZOO_DIR="$PWD/build/zoo" build/release/bin/tests/session_heap_test
  local arch arches level
  arches=$(tests/conformance/arches.sh) || return 1
  for arch in $arches; do
    for level in disabled all; do HONE_FORCE_ARCH=$arch run_zoo "level $level, $arch" --level "$level"; done
  done
  run_zoo "saved and loaded" --reload
}

# run_zoo WHAT [ARGUMENT...]
run_zoo() {
  local what=$1
  shift
  run_cases tests/conformance/passing_zoo.txt "zoo, $what" build/release/bin/hone_conformance --metric max --rtol 1e-4 "$@" \
    --filter '!(ppocr_det|yolov8n_like)' build/zoo
  run_cases tests/conformance/passing_zoo.txt "zoo, 1e-3, $what" build/release/bin/hone_conformance --metric max --rtol 1e-3 "$@" \
    --filter '@(ppocr_det|yolov8n_like)' build/zoo
  check "number of cases, zoo, $what" all_cases_ran "zoo, $what" "$(expected zoo)"
}

# Names and tolerances are those of the README beside the models.
step_zoo_wide() {
  if [[ ! -f ../shared/zoo-wide/materialize.py ]]; then
    skip zoo-wide "../shared/zoo-wide is not there"
    return 0
  fi
  build release hone_conformance session_heap_test || return 0
  if [[ ! -f build/zoo-wide/complete ]]; then
    .venv/bin/python ../shared/zoo-wide/materialize.py --into build/zoo-wide >/dev/null || return 1
    touch build/zoo-wide/complete
  fi
  check "zoo-wide, heap calls" env HONE_ZOO_DIR="$PWD/build/zoo-wide" build/release/bin/tests/session_heap_test
  local named="the cases in tests/conformance/passing_zoo.txt are there"
  if [[ -f build/zoo/complete ]]; then
    check "$named" all_named_exist tests/conformance/passing_zoo.txt build/zoo build/zoo-wide
  else
    skip "$named" "the list is of both zoos, and the step zoo has not run"
  fi
  local level tolerance names
  for level in disabled all; do
    while read -r tolerance names; do
      run_cases tests/conformance/passing_zoo.txt "zoo-wide, level $level, $tolerance" build/release/bin/hone_conformance \
        --metric max --rtol "$tolerance" --level "$level" --filter "$names" build/zoo-wide
    done <<'MODELS'
1e-4 !(micro_kws_q*|minilm_*|mobilenet_*|resnet18_*|squeezenet_*)
2e-3 squeezenet_fp16
5e-3 resnet18_fp16
2e-2 micro_kws_q*
3e-2 minilm_l6_dynq_int8
5e-2 mobilenet_edgetpu_qdq_part
1e-1 resnet18_qdq_int8
MODELS
    check "number of cases, zoo-wide, level $level" all_cases_ran "zoo-wide, level $level" "$(expected zoo-wide)"
  done
}

# Random nodes, compared with onnxruntime; quantized results may be off by one step, and it has the roots of unity of transforms in float32.
step_differential() {
  build release hone_conformance || return 0
  .venv/bin/python tests/differential/generate.py --cases "${HONE_DIFFERENTIAL_CASES:-200}" --seed "${HONE_DIFFERENTIAL_SEED:-1}" build/differential || return 1
  find build/differential -mindepth 2 -maxdepth 2 -type d -printf '%f\n' >build/differential/cases.txt
  local tool=build/release/bin/hone_conformance level
  for level in disabled all; do
    run_cases build/differential/cases.txt "differential, level $level" "$tool" --level "$level" --atol 1e-6 --filter '!(QLinear*|DFT*|STFT*)' \
      build/differential
    run_cases build/differential/cases.txt "differential, transforms, level $level" "$tool" --level "$level" --atol 1e-4 --filter '@(DFT*|STFT*)' \
      build/differential
    run_cases build/differential/cases.txt "differential, quantized, level $level" "$tool" --level "$level" --rtol 0 --atol 1 --filter 'QLinear*' \
      build/differential
    check "number of cases, differential, level $level" all_cases_ran "differential, level $level" "$(wc -l <build/differential/cases.txt)"
  done
}

# Models of scikit-learn, compared with it and with onnxruntime. What it computes in float64 needs an absolute tolerance near zero.
step_sklearn() {
  build release hone_conformance || return 0
  .venv/bin/python tests/sklearn/generate.py build/sklearn || return 1
  find build/sklearn -mindepth 2 -maxdepth 2 -type d -printf '%f\n' >build/sklearn/cases.txt
  local tool=build/release/bin/hone_conformance
  local how
  for how in "--level disabled" "--level all" --reload; do
    run_cases build/sklearn/cases.txt "sklearn, $how" "$tool" $how --atol 1e-5 build/sklearn
    check "number of cases, sklearn, $how" all_cases_ran "sklearn, $how" "$(wc -l <build/sklearn/cases.txt)"
  done
}

# The CUDA provider: its kernels run by the host, and compiled for a GPU, of which there is none here.
step_cuda() {
  write_cases || return 1
  build release hone_conformance_emulated_cuda || return 0
  local level
  for level in disabled all; do
    run_suite "conformance, CUDA kernels run by the host, level $level" "$suite" build/release/bin/hone_conformance_emulated_cuda \
      --provider cuda --level "$level"
  done
  if ! command -v nvcc >/dev/null; then
    skip "CUDA for GPUs" "there is no nvcc"
    return 0
  fi
  build cuda || return 0
  check "without a GPU, the CUDA provider says so" no_gpu_is_an_error
  skip "CUDA on a GPU" "there is no GPU"
}

no_gpu_is_an_error() {
  local output
  output=$(build/cuda/bin/hone_run tests/packaging/matmul.onnx --provider cuda 2>&1) && return 1
  grep -q "there is no CUDA device: " <<<"$output" || { echo "$output"; return 1; }
}

step_packaging() {
  build release || return 0
  check packaging tests/packaging/run.sh build/release "$jobs"
}

# All tests are one translation unit in this flavour, and in the next one, which is compiled beside it.
step_header-only() {
  if [[ " ${steps[*]} " == *" single "* ]]; then
    (configure=("${single_configure[@]}"); compile single hone_tests) &
  fi
  build header-only hone_tests hone_conformance || return 0
  run_ctest header-only -E headers_alone
  write_cases || return 1
  run_suite "conformance, header-only" "$suite" build/header-only/bin/hone_conformance
}

step_single() {
  check "single_include is up to date" python3 single_include/amalgamate.py --check
  wait
  configure=("${single_configure[@]}")
  build single hone_tests && run_ctest single
  configure=()
}

step_asan() {
  configure=(-DHONE_BUILD_EXAMPLES=OFF -DHONE_BUILD_BENCH=OFF)
  build asan || { configure=(); return 0; }
  configure=()
  run_ctest asan -E headers_alone
  write_cases || return 1
  run_suite "conformance, asan" "$suite" build/asan/bin/hone_conformance
}

step_nightly() {
  local seed
  seed=$(date +%Y%m%d)
  HONE_DIFFERENTIAL_CASES=500 HONE_DIFFERENTIAL_SEED=$seed step_differential || count 0 1 0 "differential, seed $seed"
  build tsan && run_ctest tsan &&
    check "10,000 runs in each of 64 threads, tsan" env HONE_CONCURRENT_RUNS=10000 build/tsan/bin/tests/session_concurrent_test
  write_cases || return 1
  build release onnx_mutation_test &&
    check "2,000,000 damaged models, seed $seed" env HONE_MUTATIONS=2000000 HONE_MUTATION_SEED="$seed" build/release/bin/tests/onnx_mutation_test
  configure=(-DHONE_BUILD_EXAMPLES=OFF -DHONE_BUILD_BENCH=OFF)
  build asan onnx_mutation_test &&
    check "200,000 damaged models, asan, seed $seed" env HONE_MUTATIONS=200000 HONE_MUTATION_SEED="$seed" build/asan/bin/tests/onnx_mutation_test
  configure=()
}

readme_samples() {
  diff <(sed -n '/^```cpp$/,/^```$/p' README.md | grep -v '^```') <(sed -s 1d examples/readme/readme.cpp examples/readme/session.cpp)
}

# Versions of clang-format differ in what they make of one file; 14 is the one of Debian 12.
formatted() {
  clang-format --dry-run -Werror $(git ls-files '*.hpp' '*.cpp' ':!single_include')
}

step_style() {
  if [[ $(clang-format --version 2>/dev/null) == *"version 14."* ]]; then
    check clang-format formatted
  else
    skip clang-format "it needs version 14"
  fi
  check "the samples in README.md are examples/readme/*.cpp" readme_samples
  cmake --preset release >/dev/null || return 1
  check clang-tidy clang-tidy --quiet -p build/release tools/*.cpp examples/*/*.cpp src/session.cpp src/onnx.cpp
}

main() {
  local step start before failure
  .ci/setup.sh tests
  jobs=$(nproc)
  configure=()
  # The widest instructions of this machine, where header-only takes those that every machine has.
  single_configure=(-DCMAKE_CXX_FLAGS=-march=native)
  steps=("$@")
  (($#)) || steps=(release conformance operators zoo zoo_wide differential sklearn cuda packaging header-only single asan style)
  for step in "${steps[@]}"; do
    declare -F "step_$step" >/dev/null || { echo "tests/run.sh: there is no step '$step'" >&2; exit 2; }
    echo "== $step"
    start=$SECONDS
    before=$failed
    "step_$step" || ((failed > before)) || count 0 1 0 "step $step"
    echo "   $((SECONDS - start)) s"
  done

  for failure in "${failures[@]}"; do echo "FAILED $failure"; done
  echo "$passed passed, $failed failed, $skipped skipped"
  ((failed == 0 && passed > 0))
}

# In one line with its end, so that bash has read the file before anything runs.
main "$@"; exit
