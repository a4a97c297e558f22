# The Python helper stands inside the binary: the agent writes it into every container.
file(GLOB helper_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/python/baton/*.py)
set(helper_source ${CMAKE_BINARY_DIR}/python_helper.cc)
add_custom_command(
  OUTPUT ${helper_source}
  COMMAND ${CMAKE_COMMAND} "-DFILES=${helper_files}" -DROOT=${CMAKE_SOURCE_DIR}/python -DOUTPUT=${helper_source}
          -P ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
  DEPENDS ${helper_files} ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
  VERBATIM)
target_sources(baton PRIVATE ${helper_source})
