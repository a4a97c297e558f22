# Unit tests stand beside what they test: src/<layer>/*_test.cc makes build/<preset>/test_<layer>.
find_package(GTest REQUIRED)
foreach(layer base os net model store image engine notice launch ledger tune agent control ui cli)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${layer}/*_test.cc)
  if(sources)
    list(APPEND unit_tests test_${layer})
    add_executable(test_${layer} ${sources})
    target_link_libraries(test_${layer} PRIVATE baton_${layer} GTest::gmock GTest::gtest_main)
    # What is tested is optimised and instrumented for coverage, the tests themselves need neither: half the time to build.
    target_compile_options(test_${layer} PRIVATE -O0 $<$<BOOL:${BATON_FUZZ}>:-fno-sanitize=fuzzer-no-link>)
    add_test(NAME ${layer} COMMAND test_${layer})
    set_tests_properties(${layer} PROPERTIES TIMEOUT 900)
  endif()
endforeach()
add_custom_target(unit_tests DEPENDS ${unit_tests})

# PID 1 of the containers that the engines' tests start.
set(src ${CMAKE_SOURCE_DIR}/src)
add_executable(pid1_for_tests ${CMAKE_SOURCE_DIR}/tests/pid1_main.cc ${src}/engine/pid1.cc ${src}/os/files.cc
               ${src}/os/remove_tree.cc ${src}/base/ids.cc ${src}/base/result.cc ${src}/base/text.cc ${CMAKE_SOURCE_DIR}/cmake/fmt.cc)
target_include_directories(pid1_for_tests PRIVATE ${src})
target_compile_options(pid1_for_tests PRIVATE -fno-sanitize=all)
target_link_options(pid1_for_tests PRIVATE -fno-sanitize=all -static)
# Plain Sobol points, for the comparison with scipy's.
add_executable(sobol_for_tests ${CMAKE_SOURCE_DIR}/tests/sobol_main.cc)
target_link_libraries(sobol_for_tests PRIVATE baton_tune)
# The benchmark's problems in C++, for the comparison with those in Python.
add_executable(problems_for_tests ${CMAKE_SOURCE_DIR}/tests/problems_main.cc ${CMAKE_SOURCE_DIR}/bench/tune/problems.cc)
target_link_libraries(problems_for_tests PRIVATE baton_tune)
target_include_directories(problems_for_tests PRIVATE ${CMAKE_SOURCE_DIR}/bench)
if(TARGET test_engine)
  target_compile_definitions(test_engine PRIVATE BATON_TEST_PID1="$<TARGET_FILE:pid1_for_tests>")
  add_dependencies(test_engine pid1_for_tests)
endif()
