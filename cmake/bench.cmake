# Each bench/*.c that has a main is a program of its own; the other files there are linked into all of them.

file(GLOB bench_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/bench/*.c)
set(bench_shared)
set(bench_mains)
foreach(source ${bench_sources})
    file(STRINGS ${source} has_main REGEX "^int main\\(")
    if(has_main)
        list(APPEND bench_mains ${source})
    else()
        list(APPEND bench_shared ${source})
    endif()
endforeach()

foreach(source ${bench_mains})
    get_filename_component(name ${source} NAME_WE)
    add_executable(${name} ${source} ${bench_shared})
    target_link_libraries(${name} PRIVATE gramme_wire Threads::Threads m)
endforeach()
