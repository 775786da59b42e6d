/* The load generator: says what a RESP server does under load, and whether it kept what it acknowledged. */

#include "load/load_file.h"
#include "load/options.h"
#include "load/verify_file.h"
#include "load/workload.h"

int main(int argc, char **argv) {
    static struct options options;
    options_read(&options, argc, argv);
    if (options.load_path != NULL) {
        return load_file_run(&options);
    }
    if (options.verify_path != NULL) {
        return verify_file_run(&options);
    }
    return workload_run(&options);
}
