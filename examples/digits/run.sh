#!/usr/bin/env bash
# Sets everything up, builds the example and reads the handwritten digits in scans/, or the pictures given as arguments.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
"$root/.ci/setup.sh"
(cd "$root" && cmake --preset release && cmake --build --preset release --target digits -j "$(nproc)")
if (($# == 0)); then
  cd "$root"
  set -- examples/digits/scans/*.png
fi
"$root/build/release/bin/digits" "$root/examples/digits/digits.onnx" "$@"
