#include <stdlib.h>

int main(void) {
    volatile int *number = malloc(sizeof *number);
    if (number == NULL) {
        return 1;
    }
    int status = *number > 0 ? 2 : 3;
    free((void *)number);
    return status;
}
