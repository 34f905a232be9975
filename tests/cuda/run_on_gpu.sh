#!/usr/bin/env bash
# What needs a GPU, in one command: the ONNX suite and the zoo on the CUDA provider, compute-sanitizer on some of the suite, and times. Runs what
# tests/cuda/bundle.sh has put into FOLDER; the machine needs CUDA 13 and, for the zoo, Python with numpy, and none of the packages that
# building needs.
#   tests/cuda/run_on_gpu.sh FOLDER
set -uo pipefail

folder=$(realpath "${1:?usage: tests/cuda/run_on_gpu.sh FOLDER}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export LD_LIBRARY_PATH=$folder/lib:/usr/local/cuda/lib64:${LD_LIBRARY_PATH:-}
failed=0

# cases WHAT [ARGUMENT...] -- runs hone_conformance on the GPU; shows the failures and the count.
cases() {
  local what=$1
  shift
  if "$folder/bin/hone_conformance" --provider cuda "$@" >"$work/log" 2>&1; then :; else failed=1; fi
  grep '^FAIL' "$work/log" | cut -c 1-300 | head -n 40
  echo "$what: $(tail -n 1 "$work/log")"
}

nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader || true
tar -xzf "$folder/conformance.tar.gz" -C "$work"
for level in disabled all; do cases "suite, level $level" --level "$level" "$work/conformance"; done

if command -v compute-sanitizer >/dev/null; then
  compute-sanitizer --target-processes all --error-exitcode 9 "$folder/bin/hone_conformance" --provider cuda \
    --filter 'test_@(add*|averagepool*|basic_conv*|batchnorm*|cast_FLOAT*|concat*|gather_*|gemm*|layer_norm*|matmul*|maxpool*|reduce_sum*|slice*|softmax*|transpose*|where*)' \
    "$work/conformance/node" >"$work/log" 2>&1 || failed=1
  grep -E '^(FAIL|=========)' "$work/log" | sort | uniq -c | sort -rn | head -n 20
  echo "compute-sanitizer: $(grep -E '^[0-9]+ passed' "$work/log" | tail -n 1)"
else
  echo "compute-sanitizer: not there"
fi

if [[ -f $folder/zoo.tar.gz ]]; then
  tar -xzf "$folder/zoo.tar.gz" -C "$work"
  python3 "$work/zoo/materialize.py" --into "$work/models" >/dev/null || failed=1
  cases "zoo" --metric max --rtol 1e-4 --filter '!(ppocr_det|yolov8n_like)' "$work/models"
  cases "zoo, 1e-3" --metric max --rtol 1e-3 --filter '@(ppocr_det|yolov8n_like)' "$work/models"
  printf '%-24s %12s %12s\n' model "median us" "load ms"
  for model in "$work"/models/*/model.onnx; do
    name=$(basename "$(dirname "$model")")
    "$folder/bin/hone_bench" "$model" --provider cuda --data "$(dirname "$model")/test_data_set_0" --seconds 1 2>/dev/null |
      sed -nE "s/.*\"median_us\": ([0-9.]+).*\"load_ms\": ([0-9.]+).*/\1 \2/p" | while read -r median load; do
        printf '%-24s %12s %12s\n' "$name" "$median" "$load"
      done
  done
fi
exit "$failed"
