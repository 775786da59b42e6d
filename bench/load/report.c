#include "load/report.h"

#include <inttypes.h>

static const struct {
    const char *name;
    double percent;
} percentiles[] = {{"p50", 50.0}, {"p90", 90.0}, {"p99", 99.0}, {"p99.9", 99.9}, {"max", 100.0}};

enum { PERCENTILES = sizeof percentiles / sizeof percentiles[0] };

static double rate_of(const struct results *results) {
    return results->elapsed_ns == 0 ? 0.0 : (double)results->answered * 1e9 / (double)results->elapsed_ns;
}

/* Failed operations cost the servers too: CPU time is divided by everything that was answered. */
static double cpu_each(const struct results *results, uint64_t cpu_us) {
    uint64_t all = results->answered + results->failures.total;
    return all == 0 ? 0.0 : (double)cpu_us / (double)all;
}

static void print_latency_json(const struct histogram *histogram, FILE *file) {
    fputc('{', file);
    for (size_t i = 0; i < PERCENTILES; i++) {
        fprintf(file, "\"%s\": %.1f, ", percentiles[i].name,
                (double)histogram_percentile(histogram, percentiles[i].percent) / 1e3);
    }
    fprintf(file, "\"mean\": %.1f}", histogram_mean(histogram) / 1e3);
}

static void print_json(const struct results *results, FILE *file) {
    fprintf(file, "{\"operations\": %" PRIu64 ", \"seconds\": %.3f, \"operations_per_second\": %.1f, ",
            results->answered, (double)results->elapsed_ns / 1e9, rate_of(results));
    fprintf(file, "\"latency_us\": ");
    print_latency_json(&results->latency_ns, file);
    fprintf(file, ", \"lateness_us\": ");
    print_latency_json(&results->lateness_ns, file);
    fprintf(file, ", \"misses\": %" PRIu64 ", \"unsent\": %" PRIu64 ", \"reconnects\": %" PRIu64, results->misses,
            results->unsent, results->reconnects);
    fprintf(file, ", \"failed\": %" PRIu64 ", \"failures\": ", results->failures.total);
    tally_print_json(&results->failures, file);
    if (results->has_cpu) {
        fprintf(file, ", \"cpu_us_per_operation\": %.2f, \"storage_cpu_us_per_operation\": %.2f",
                cpu_each(results, results->cpu_us), cpu_each(results, results->storage_us));
    }
    fprintf(file, "}\n");
}

static void print_text(const struct results *results, FILE *file) {
    fprintf(file, "operations      %" PRIu64 " in %.2f s, %.0f a second\n", results->answered,
            (double)results->elapsed_ns / 1e9, rate_of(results));
    fprintf(file, "latency, us    ");
    for (size_t i = 0; i < PERCENTILES; i++) {
        fprintf(file, " %s %.0f", percentiles[i].name,
                (double)histogram_percentile(&results->latency_ns, percentiles[i].percent) / 1e3);
    }
    fprintf(file, "\nsent late, us   p50 %.0f p99 %.0f\n",
            (double)histogram_percentile(&results->lateness_ns, 50.0) / 1e3,
            (double)histogram_percentile(&results->lateness_ns, 99.0) / 1e3);
    if (results->has_cpu) {
        fprintf(file, "CPU, us each    %.2f, of it storage %.2f\n", cpu_each(results, results->cpu_us),
                cpu_each(results, results->storage_us));
    }
    fprintf(file, "failures        ");
    tally_print(&results->failures, file);
    fprintf(file, "\nmisses          %" PRIu64 "\n", results->misses);
    if (results->reconnects > 0) {
        fprintf(file, "reconnects      %" PRIu64 "\n", results->reconnects);
    }
    if (results->unsent > 0) {
        fprintf(file, "never sent      %" PRIu64 ": the schedule could not be kept\n", results->unsent);
    }
}

void report_print(const struct results *results, bool as_json, FILE *file) {
    if (as_json) {
        print_json(results, file);
    } else {
        print_text(results, file);
    }
}
