# The simulator over deliberately broken rules. With GRAMME_MUTANTS defined, the pure layers compile in switches that
# turn single rules off; a simulator that doesn't notice one of them is a simulator that checks nothing. The layers
# are compiled a second time as one library, so no mutant object can find its way into what is shipped.

set(mutant_sources)
set(mutant_includes)
foreach(layer base ring version wire core store sim)
    get_property(sources GLOBAL PROPERTY GRAMME_SOURCES_${layer})
    list(APPEND mutant_sources ${sources})
    list(APPEND mutant_includes ${GRAMME_LAYER_INCLUDES}/${layer})
endforeach()

if(mutant_sources)
    add_library(gramme_core_mutant STATIC EXCLUDE_FROM_ALL ${mutant_sources})
    target_compile_definitions(gramme_core_mutant PUBLIC GRAMME_MUTANTS)
    target_include_directories(gramme_core_mutant PUBLIC ${mutant_includes})
    target_link_libraries(gramme_core_mutant PUBLIC m PkgConfig::zstd)
    if(TARGET gramme-sim)
        add_executable(gramme-sim-mutant EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/sim/main.c)
        target_link_libraries(gramme-sim-mutant PRIVATE gramme_core_mutant)
    endif()
endif()
