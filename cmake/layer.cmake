# A layer is a static library that can include the headers of the layers it depends on, and no others.
#
# The build directory holds, per layer, layers/<layer>/ with one entry in it: a link <layer> to the layer's folder.
# That directory is what the layer gives to those who link it, so `#include "ring/ring.h"` compiles exactly where
# gramme_ring is linked, directly or through another layer.

set(GRAMME_LAYER_INCLUDES ${CMAKE_BINARY_DIR}/layers)

# gramme_layer(<name> [SOURCE <folder>] [DEPENDS <layer>...] [PACKAGES <target>...])
# Makes gramme_<name> of all C files under <folder> (src/<name> unless told), but for its main.c.
function(gramme_layer name)
    cmake_parse_arguments(LAYER "" "SOURCE" "DEPENDS;PACKAGES" ${ARGN})
    if(NOT LAYER_SOURCE)
        set(LAYER_SOURCE src/${name})
    endif()
    set(folder ${CMAKE_SOURCE_DIR}/${LAYER_SOURCE})

    set(includes ${GRAMME_LAYER_INCLUDES}/${name})
    file(MAKE_DIRECTORY ${folder} ${includes})
    file(CREATE_LINK ${folder} ${includes}/${name} SYMBOLIC)

    file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${folder}/*.c)
    list(REMOVE_ITEM sources ${folder}/main.c)
    set_property(GLOBAL PROPERTY GRAMME_SOURCES_${name} ${sources})

    list(TRANSFORM LAYER_DEPENDS PREPEND gramme_)
    if(sources)
        add_library(gramme_${name} STATIC ${sources})
        set(scope PUBLIC)
    else()
        add_library(gramme_${name} INTERFACE)
        set(scope INTERFACE)
    endif()
    target_include_directories(gramme_${name} ${scope} ${includes})
    target_link_libraries(gramme_${name} ${scope} ${LAYER_DEPENDS} ${LAYER_PACKAGES})
endfunction()

# gramme_main(<executable> SOURCE <file with main> LAYER <layer>)
function(gramme_main name)
    cmake_parse_arguments(MAIN "" "SOURCE;LAYER" "" ${ARGN})
    file(GLOB source CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${MAIN_SOURCE})
    if(source)
        add_executable(${name} ${source})
        target_link_libraries(${name} PRIVATE gramme_${MAIN_LAYER})
    endif()
endfunction()
