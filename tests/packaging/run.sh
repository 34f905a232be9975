#!/usr/bin/env bash
# Both ways into a program: find_package on an installed hone, and add_subdirectory.
#   tests/packaging/run.sh BUILD_DIR [JOBS]     BUILD_DIR: a finished build of the compiled flavour
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
built=$(cd "$1" && pwd)
jobs=${2:-2}
work=$root/build/packaging
rm -rf "$work"
mkdir -p "$work"

run() {
  local log=$work/log.txt
  "$@" >"$log" 2>&1 || { cat "$log"; echo "packaging: $* failed" >&2; exit 1; }
}

# An installed hone must not see the source tree: it is moved after it was installed.
run cmake --install "$built" --prefix "$work/first"
mv "$work/first" "$work/installed"
! grep -rlF "$root" "$work/installed/lib" --include='*.cmake' || { echo "packaging: the installed package names the source tree" >&2; exit 1; }

for way in find_package add_subdirectory; do
  run cmake -S "$root/tests/packaging/$way" -B "$work/$way" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$work/installed" \
    -DCMAKE_CXX_COMPILER_LAUNCHER="$(command -v ccache || true)" -DHONE_ROOT="$root"
  run cmake --build "$work/$way" -j "$jobs"
  for program in "$work/$way"/with_*; do
    [[ "$("$program" "$root/tests/packaging/matmul.onnx")" == "700 800 900 1580 1840 2100 2460 2880 3300 " ]] ||
      { echo "packaging: $program gives a wrong answer" >&2; exit 1; }
  done
done
echo "packaging: find_package and add_subdirectory, hone::hone and hone::compiled"
