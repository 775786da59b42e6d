#include <stdlib.h>

int main(void) {
    volatile char *bytes = malloc(8);
    if (bytes == NULL) {
        return 1;
    }
    bytes[0] = 1;
    free((void *)bytes);
    return bytes[0] == 2;
}
