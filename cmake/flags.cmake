# Compiler flags for every target of the project.

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)

if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release)
endif()

# CMake's own Release flags define NDEBUG. Assertions stay on in what we ship.
set(CMAKE_C_FLAGS_RELEASE "-O2 -g")
set(CMAKE_C_FLAGS_DEBUG "-g3")

add_compile_definitions(_GNU_SOURCE GRAMME_VERSION="${PROJECT_VERSION}")
add_compile_options(
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Werror
    -fno-omit-frame-pointer
    # __FILE__ in a failed assertion is then the path in the repository, wherever it was built.
    -fmacro-prefix-map=${CMAKE_SOURCE_DIR}/=)

if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT GRAMME_SANITIZE)
    add_compile_options(-fstack-protector-strong)
    add_link_options(-Wl,-z,relro -Wl,-z,now)
endif()

if(GRAMME_SANITIZE)
    add_compile_options(-fsanitize=${GRAMME_SANITIZE} -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${GRAMME_SANITIZE})
endif()

if(GRAMME_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()

if(GRAMME_COVERAGE)
    add_compile_options(--coverage -fprofile-update=atomic)
    add_link_options(--coverage)
endif()
