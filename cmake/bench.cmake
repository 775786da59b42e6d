# Each bench/*.c that has a main is a program of its own; the files in bench's sub-folders are linked where needed.

file(GLOB bench_programs CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/bench/*.c)
file(GLOB_RECURSE bench_parts CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/bench/*.c)
list(REMOVE_ITEM bench_parts ${bench_programs})

add_library(gramme_bench INTERFACE)
if(bench_parts)
    add_library(gramme_bench_parts STATIC ${bench_parts})
    target_include_directories(gramme_bench_parts PUBLIC ${CMAKE_SOURCE_DIR}/bench)
    target_link_libraries(gramme_bench_parts PUBLIC gramme_wire Threads::Threads m)
    target_link_libraries(gramme_bench INTERFACE gramme_bench_parts)
endif()
target_include_directories(gramme_bench INTERFACE ${CMAKE_SOURCE_DIR}/bench)
target_link_libraries(gramme_bench INTERFACE gramme_wire Threads::Threads m)

foreach(source ${bench_programs})
    get_filename_component(name ${source} NAME_WE)
    file(STRINGS ${source} has_main REGEX "^int main\\(")
    if(GRAMME_PURE_ONLY AND name STREQUAL "store-bench")
        continue()
    endif()
    if(has_main)
        add_executable(${name} ${source})
        target_link_libraries(${name} PRIVATE gramme_bench)
    endif()
endforeach()

# Those that drive a layer from within.
if(TARGET store-bench AND TARGET gramme_rocksdb AND NOT GRAMME_PURE_ONLY)
    target_link_libraries(store-bench PRIVATE gramme_rocksdb)
endif()

if(TARGET gossip-bench)
    target_sources(gossip-bench PRIVATE ${CMAKE_SOURCE_DIR}/tests/unit/core/gossip_world.c)
    target_include_directories(gossip-bench PRIVATE ${CMAKE_SOURCE_DIR}/tests/unit/core)
    target_link_libraries(gossip-bench PRIVATE gramme_core)
endif()
