#!/usr/bin/env bash
# Prints the instruction sets that HONE_FORCE_ARCH can name on this machine, one a line.
set -euo pipefail
if [[ $(uname -m) != x86_64 ]]; then
  echo neon
  exit
fi
flags=$(grep -m1 '^flags' /proc/cpuinfo)
has() { [[ " ${flags#*: } " == *" $1 "* ]]; }
echo sse2
if has avx2 && has fma; then echo avx2; fi
if has avx512f && has avx512bw && has avx512dq && has avx512vl; then echo avx512; fi
