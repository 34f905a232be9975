# HONE_SANITIZE: sanitizers for everything that is built here, as -fsanitize takes them.
set(HONE_SANITIZE "" CACHE STRING "Sanitizers to build with, such as address,undefined")
if(HONE_SANITIZE)
  add_compile_options(-fsanitize=${HONE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${HONE_SANITIZE})
endif()
