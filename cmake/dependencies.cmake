# Every dependency: the installed package first, its sources when there is none.
include(FetchContent)

find_package(Threads REQUIRED)

find_package(xsimd QUIET)
if(NOT xsimd_FOUND)
  FetchContent_Declare(xsimd GIT_REPOSITORY https://github.com/xtensor-stack/xsimd.git GIT_TAG 13.2.0 GIT_SHALLOW ON)
  FetchContent_MakeAvailable(xsimd)
endif()

# hone_onnx: the schema library of ONNX under one name, whichever way it came.
find_package(Protobuf QUIET)
find_package(ONNX QUIET)
if(NOT ONNX_FOUND)
  set(ONNX_ML ON CACHE BOOL "" FORCE)
  FetchContent_Declare(onnx GIT_REPOSITORY https://github.com/onnx/onnx.git GIT_TAG v1.19.0 GIT_SHALLOW ON)
  FetchContent_MakeAvailable(onnx)
endif()
add_library(hone_onnx INTERFACE)
target_link_libraries(hone_onnx INTERFACE onnx_proto)
