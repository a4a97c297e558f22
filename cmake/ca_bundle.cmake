# Puts the roots of Debian's ca-certificates into one file, which src/net/ca_bundle.cc includes. Taken from the package's
# own directory and not from /etc/ssl, so that roots added to the building machine stay on it.
file(GLOB roots CONFIGURE_DEPENDS /usr/share/ca-certificates/mozilla/*.crt)
if(NOT roots)
  message(FATAL_ERROR "No root certificates in /usr/share/ca-certificates/mozilla: apt-get install ca-certificates")
endif()
set(ca_bundle ${CMAKE_BINARY_DIR}/ca-bundle.pem)
add_custom_command(OUTPUT ${ca_bundle} COMMAND cat ${roots} > ${ca_bundle} DEPENDS ${roots} VERBATIM)
set_source_files_properties(${CMAKE_SOURCE_DIR}/src/net/ca_bundle.cc PROPERTIES
  OBJECT_DEPENDS ${ca_bundle} COMPILE_DEFINITIONS "BATON_CA_BUNDLE=\"${ca_bundle}\"")
target_sources(baton_net PRIVATE ${ca_bundle})
