# Compiles SOURCE as it is, which has to work, and with HONE_MISUSE, which has to fail with the sentence after "// refused: " in its
# second line: an error for any other reason passes the test in neither way.
#   cmake -DSOURCE=cpu_with.cpp -DCOMPILE="g++;-std=c++20;..." -P check.cmake
cmake_minimum_required(VERSION 3.25)

file(READ ${SOURCE} text)
if(NOT text MATCHES "\n// refused: ([^\n]+)\n")
  message(FATAL_ERROR "${SOURCE} names no sentence")
endif()
set(sentence "${CMAKE_MATCH_1}")

execute_process(COMMAND ${COMPILE} ${SOURCE} RESULT_VARIABLE status ERROR_VARIABLE output)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "the correct form does not compile:\n${output}")
endif()
execute_process(COMMAND ${COMPILE} -DHONE_MISUSE ${SOURCE} RESULT_VARIABLE status ERROR_VARIABLE output)
if(status EQUAL 0)
  message(FATAL_ERROR "the misuse compiles")
endif()
string(FIND "${output}" "${sentence}" at)
if(at EQUAL -1)
  message(FATAL_ERROR "the misuse is refused, but not with \"${sentence}\":\n${output}")
endif()
message("refused: ${sentence}")
