#include <stdlib.h>

int main(void) {
    volatile char *bytes = malloc(8);
    if (bytes != NULL) {
        bytes[0] = 1;
    }
    bytes = NULL;
    return bytes != NULL;
}
