/* Assertions that stay on in release builds. They state what must hold if the code is right; bytes from a network
 * or a disk are never the subject of one. */
#ifndef GRAMME_BASE_ENSURE_H
#define GRAMME_BASE_ENSURE_H

_Noreturn void ensure_failed(const char *expression, const char *file, int line);

#define ENSURE(expression)                                                                                             \
    ((__builtin_expect(!!(expression), 1)) ? (void)0 : ensure_failed(#expression, __FILE__, __LINE__))

#endif
