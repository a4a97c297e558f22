# Run at build time: cmake -DFILES=a;b -DROOT=python -DOUTPUT=x.cc -P embed.cmake
# Writes a .cc that defines baton::python_helper(): path below ROOT → content.
set(code "// Made by cmake/embed.cmake from python/.\n#include \"cli/python_helper.h\"\n\nnamespace baton {\n\n")
string(APPEND code "std::map<std::string, std::string> python_helper() {\n  return {\n")
foreach(file IN LISTS FILES)
  file(RELATIVE_PATH name "${ROOT}" "${file}")
  file(READ "${file}" content)
  if(content MATCHES "\\)BATON_PY\"")
    message(FATAL_ERROR "${name} holds the end mark of a raw string literal")
  endif()
  string(APPEND code "      {\"${name}\", R\"BATON_PY(${content})BATON_PY\"},\n")
endforeach()
string(APPEND code "  };\n}\n\n}  // namespace baton\n")
file(WRITE "${OUTPUT}" "${code}")
