#!/usr/bin/env bash
# Installs what building hone needs on Debian 12 and Ubuntu 24.04, as root or with sudo; with the argument `tests`, also what the tests
# need, and a Python environment in .venv. Quick when all of it is there already.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(g++ cmake ninja-build ccache libonnx-dev libprotobuf-dev libxsimd-dev libstb-dev libcli11-dev doctest-dev libbenchmark-dev)
if [[ ${1:-} == tests ]]; then
  packages+=(python3 python3-venv clang-format clang-tidy libturbojpeg0-dev libtiff-dev libwebp-dev libopenjp2-7-dev)
fi

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [[ $status == installed ]] || missing+=("$package")
done
if ((${#missing[@]})); then
  echo "installing ${missing[*]}"
  as_root=()
  if ((EUID != 0)); then
    command -v sudo >/dev/null || { echo "These packages are missing, and there is no sudo to install them: ${missing[*]}" >&2; exit 1; }
    as_root=(sudo)
  fi
  "${as_root[@]}" apt-get -q update
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends "${missing[@]}"
fi

if [[ ${1:-} == tests ]]; then
  if ! cmp -s tests/requirements.txt .venv/installed.txt; then
    python3 -m venv .venv
    .venv/bin/pip install --quiet --requirement tests/requirements.txt
    cp tests/requirements.txt .venv/installed.txt
  fi
fi
