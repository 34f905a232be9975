# The generated header in place of the tree. Our own programs include the headers one by one: each of those names forwards to it.
set(forward_dir ${PROJECT_BINARY_DIR}/forward)
file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/include/*.hpp)
list(REMOVE_ITEM headers hone/hone.hpp)
foreach(header ${headers})
  file(GENERATE OUTPUT ${forward_dir}/${header} CONTENT "#pragma once\n#include <hone/hone.hpp>\n")
endforeach()
target_include_directories(hone INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/single_include> $<BUILD_INTERFACE:${forward_dir}>)
