#!/usr/bin/env bash
# Adds to passing.txt and passing_zoo.txt what passes now, with each instruction set and with the rewrites off and on. Needs the release
# build, build/conformance and, for the zoo, build/zoo. A name that no longer passes stays: tests/run.sh then says so.
set -euo pipefail
cd "$(dirname "$0")/../.."
tool=build/release/bin/hone_conformance

# passing ARGUMENT...: the names that pass in every configuration.
passing() {
  local arch level names=
  for arch in $(tests/conformance/arches.sh); do
    for level in disabled all; do
      local now
      now=$(HONE_FORCE_ARCH=$arch "$tool" --level "$level" "$@" | sed -nE 's/^PASS ([^:]*).*/\1/p' | LC_ALL=C sort || true)
      if [[ -z $names ]]; then names=$now; else names=$(LC_ALL=C comm -12 <(echo "$names") <(echo "$now")); fi
    done
  done
  echo "$names"
}

# add FILE: merges the names on standard input into FILE.
add() {
  local merged
  merged=$(LC_ALL=C sort -u "$1" - | sed '/^$/d')
  echo "$merged" >"$1"
  echo "$1: $(wc -l <"$1") names"
}

passing build/conformance | add tests/conformance/passing.txt
if [[ -d build/zoo ]]; then
  {
    passing --metric max --rtol 1e-4 --filter '!(ppocr_det|yolov8n_like)' build/zoo
    passing --metric max --rtol 1e-3 --filter '@(ppocr_det|yolov8n_like)' build/zoo
  } | add tests/conformance/passing_zoo.txt
fi
