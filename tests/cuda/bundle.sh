#!/usr/bin/env bash
# Puts what tests/cuda/run_on_gpu.sh needs into a folder: the programs of the preset cuda with the shared libraries they load, but for those of
# CUDA and of the system, the cases of the ONNX suite and, where it is there, the zoo.
#   cmake --preset cuda && cmake --build --preset cuda && tests/cuda/bundle.sh build/gpu
# HONE_ZOO_MODELS="mnist resnet50" takes these models of the zoo alone.
set -euo pipefail
cd "$(dirname "$0")/../.."

folder=${1:?usage: tests/cuda/bundle.sh FOLDER}
tools=${HONE_TOOLS:-build/cuda/bin}
[[ -d build/conformance/node ]] || { echo "build/conformance is not there: tests/run.sh conformance writes it" >&2; exit 1; }

rm -rf "$folder"
mkdir -p "$folder/bin" "$folder/lib"
for tool in hone_conformance hone_bench; do
  strip -o "$folder/bin/$tool" "$tools/$tool"
  ldd "$tools/$tool" | awk '$2 == "=>" && $3 ~ /^\// { print $3 }'
done | sort -u | grep -vE '/(libc|libm|libdl|librt|libpthread|libcuda|libcublas[A-Za-z]*)\.so' | xargs -I{} cp -L {} "$folder/lib/"
tar -chzf "$folder/conformance.tar.gz" -C build conformance
if [[ -d ../shared/zoo ]]; then
  models=(${HONE_ZOO_MODELS:-$(ls ../shared/zoo)})
  tar -chzf "$folder/zoo.tar.gz" -C ../shared zoo/materialize.py "${models[@]/#/zoo/}"
fi
du -sh "$folder"
