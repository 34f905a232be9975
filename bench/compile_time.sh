#!/usr/bin/env bash
# Prints what compiling costs, beside the budgets: seconds and peak memory of the umbrella header with all operators in one translation
# unit, and seconds of a clean build of hone::compiled on two cores. No compiler cache is used.
#   bench/compile_time.sh [umbrella] [compiled]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# measured WHAT BUDGET COMMAND...: runs the command, prints its seconds and the peak memory of its largest process.
measured() {
  python3 - "$@" <<'PYTHON'
import resource, subprocess, sys, time
what, budget, command = sys.argv[1], float(sys.argv[2]), sys.argv[3:]
start = time.monotonic()
done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
seconds = time.monotonic() - start
if done.returncode:
    sys.exit(done.stdout)
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"{what}: {seconds:.1f} s (budget {budget:.0f} s), {usage.ru_utime + usage.ru_stime:.1f} s of processor time, "
      f"{usage.ru_maxrss / 1024:.0f} MB at most in one process", flush=True)
sys.exit(0 if seconds <= budget else 3)
PYTHON
}

configure() {
  cmake -S "$root" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER_LAUNCHER= -DCCACHE=CCACHE-NOTFOUND \
    -DHONE_BUILD_TOOLS=OFF -DHONE_BUILD_TESTS=OFF -DHONE_BUILD_BENCH=OFF -DHONE_BUILD_EXAMPLES=OFF "$@" >/dev/null
}

umbrella() {
  # A session with the default provider needs every kernel.
  printf '#include <hone/hone.hpp>\nint main(int, char** argv) { return static_cast<int>(hone::Session(argv[1]).inputs().size()); }\n' >"$work/umbrella.cpp"
  local includes=()
  [[ -z ${HONE_XSIMD_INCLUDE:-} ]] || includes=(-I "$HONE_XSIMD_INCLUDE")
  measured "umbrella header, all operators, one translation unit" 90 \
    "${CXX:-c++}" -std=c++20 -O2 -DNDEBUG -DONNX_ML=1 -DONNX_NAMESPACE=onnx "${includes[@]}" -I "$root/include" -c "$work/umbrella.cpp" -o "$work/umbrella.o" || failed=1
}

compiled() {
  configure
  measured "hone::compiled, clean build, 2 jobs" 480 cmake --build "$work/build" --target hone_compiled -j 2 || failed=1
}

steps=("$@")
(($#)) || steps=(umbrella compiled)
for step in "${steps[@]}"; do "$step"; done
exit "$failed"
