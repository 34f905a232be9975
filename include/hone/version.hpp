#pragma once

/// The one place that states the version; CMakeLists.txt and the packaging files read it from here.
#define HONE_VERSION_MAJOR 0
#define HONE_VERSION_MINOR 1
#define HONE_VERSION_PATCH 0
