#include <pthread.h>

static int count;

static void *count_up(void *argument) {
    (void)argument;
    for (int i = 0; i < 1000; i++) {
        count++;
    }
    return NULL;
}

int main(void) {
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        pthread_create(&threads[i], NULL, count_up, NULL);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    return count == 0;
}
