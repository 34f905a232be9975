#pragma once

#include <vector>

#include <hone/image/image_decoder.hpp>
#include <hone/image/stb.hpp>
#if HONE_TOOLS_WITH_TURBOJPEG
#include <hone/image/turbojpeg.hpp>
#endif
#if HONE_TOOLS_WITH_TIFF
#include <hone/image/tiff.hpp>
#endif
#if HONE_TOOLS_WITH_WEBP
#include <hone/image/webp.hpp>
#endif
#if HONE_TOOLS_WITH_OPENJPEG
#include <hone/image/openjpeg.hpp>
#endif

namespace tools {

/// For the formats whose libraries were there when this was built, stb_image last: it guesses at formats without a signature.
[[nodiscard]] inline std::vector<hone::PictureReader> picture_readers() {
  return {
#if HONE_TOOLS_WITH_TURBOJPEG
    &hone::read_with_turbojpeg,
#endif
#if HONE_TOOLS_WITH_TIFF
        &hone::read_with_tiff,
#endif
#if HONE_TOOLS_WITH_WEBP
        &hone::read_with_webp,
#endif
#if HONE_TOOLS_WITH_OPENJPEG
        &hone::read_with_openjpeg,
#endif
        &hone::read_with_stb,
  };
}

}  // namespace tools
