#include "sim/campaign.h"

#include "base/ensure.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_VIOLATION = 5, EXIT_INTERRUPTED = 130, JOBS_MOST = 256, PROGRESS_S = 30 };

/* Set by SIGINT and SIGTERM: what was found until then is still told. */
static volatile sig_atomic_t is_interrupted;

static void interrupt(int number) {
    (void)number;
    is_interrupted = 1;
}

static void on_interrupts(void (*handler)(int)) {
    struct sigaction action = {.sa_handler = handler}; /* no SA_RESTART: wait() is to return */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void print_replay(const struct run_options *options) {
    printf("replay: gramme-sim%s --seed %llu", options->mutant == MUTANT_NONE ? "" : "-mutant",
           (unsigned long long)options->seed);
    if (options->node_count != 0) {
        printf(" --nodes %u", options->node_count);
    }
    if (options->shard_count != 0) {
        printf(" --shards %u", options->shard_count);
    }
    printf(" --clients %u --rate %llu --time %llus", options->client_count,
           (unsigned long long)options->operations_per_s, (unsigned long long)(options->time_ns / 1000000000));
    if (options->mutant != MUTANT_NONE) {
        printf(" --mutant %s", mutant_name(options->mutant));
    }
    printf(" --trace -\n");
}

void campaign_print_result(const struct run_options *options, const struct run_result *result) {
    printf("nodes %u, shards %u, faults:%s\n", result->nodes, result->shards,
           result->faults[0] == 0 ? " none" : result->faults);
    printf("simulated %.1f s, %llu events, %llu frames delivered\n", (double)result->simulated_ns / 1e9,
           (unsigned long long)result->events, (unsigned long long)result->deliveries);
    printf("%llu operations: %llu ok, %llu failed, %llu in doubt; %llu stamps, %llu second rounds, %llu hints\n",
           (unsigned long long)result->operations, (unsigned long long)result->ok, (unsigned long long)result->failed,
           (unsigned long long)result->in_doubt, (unsigned long long)result->stamps,
           (unsigned long long)result->second_rounds, (unsigned long long)result->hints);
    if (!result->passed) {
        printf("violation: %s\n", result->violation);
        print_replay(options);
    }
    printf("seed %llu trace %016llx %s\n", (unsigned long long)options->seed, (unsigned long long)result->trace_hash,
           result->passed ? "ok" : "FAILED");
}

/* ---- workers ---- */

/* One process, and the place in shared memory where it leaves its result. */
struct job {
    pid_t pid;
    struct run_options options;
};

struct crew {
    struct job jobs[JOBS_MOST];
    struct run_result *results; /* shared, one per job */
    uint32_t size;
};

static void crew_init(struct crew *crew, uint32_t jobs) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    crew->size = jobs != 0 ? jobs : cores < 1 ? 1 : (uint32_t)cores;
    crew->size = crew->size > JOBS_MOST ? JOBS_MOST : crew->size;
    for (uint32_t index = 0; index < crew->size; index++) {
        crew->jobs[index].pid = 0;
    }
    crew->results =
        mmap(NULL, sizeof(struct run_result) * crew->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ENSURE(crew->results != MAP_FAILED);
}

static void crew_release(struct crew *crew) {
    munmap(crew->results, sizeof(struct run_result) * crew->size);
}

static void job_start(struct crew *crew, uint32_t place, const struct run_options *options) {
    struct job *job = &crew->jobs[place];
    job->options = *options;
    crew->results[place] = (struct run_result){0};
    fflush(stdout);
    job->pid = fork();
    ENSURE(job->pid >= 0);
    if (job->pid == 0) {
        on_interrupts(SIG_DFL);
        run_seed(options, &crew->results[place]);
        _exit(crew->results[place].passed ? 0 : EXIT_VIOLATION);
    }
}

/* Waits for one job; its place. A process that died of a signal failed, and says so. False: interrupted. */
static bool job_wait(struct crew *crew, uint32_t *ret_place) {
    int status;
    pid_t pid = wait(&status);
    if (pid < 0 && errno == EINTR) {
        return false;
    }
    for (uint32_t place = 0; place < crew->size; place++) {
        if (crew->jobs[place].pid == pid) {
            crew->jobs[place].pid = 0;
            if (!WIFEXITED(status)) {
                crew->results[place].passed = false;
                snprintf(crew->results[place].violation, sizeof(crew->results[place].violation),
                         "the process died of signal %d (an assertion says more on stderr)", WTERMSIG(status));
            }
            *ret_place = place;
            return true;
        }
    }
    ENSURE(false);
    return false;
}

static bool crew_is_idle(const struct crew *crew) {
    for (uint32_t place = 0; place < crew->size; place++) {
        if (crew->jobs[place].pid != 0) {
            return false;
        }
    }
    return true;
}

static bool crew_free_place(const struct crew *crew, uint32_t *ret_place) {
    for (uint32_t place = 0; place < crew->size; place++) {
        if (crew->jobs[place].pid == 0) {
            *ret_place = place;
            return true;
        }
    }
    return false;
}

static void stop_jobs(struct crew *crew) {
    for (uint32_t place = 0; place < crew->size; place++) {
        if (crew->jobs[place].pid != 0) {
            kill(crew->jobs[place].pid, SIGKILL);
        }
    }
    while (!crew_is_idle(crew)) {
        uint32_t place;
        (void)job_wait(crew, &place);
    }
}

/* ---- many seeds ---- */

struct tally {
    uint64_t passed, failed;
    double simulated_s;
    uint64_t operations;
    uint64_t seeds_with[FAULT_CLASSES];
    uint64_t strikes[FAULT_CLASSES];
};

static void tally_job(struct tally *tally, const struct crew *crew, uint32_t place) {
    const struct run_result *result = &crew->results[place];
    tally->simulated_s += (double)result->simulated_ns / 1e9;
    tally->operations += result->operations;
    for (int fault = 0; fault < FAULT_CLASSES; fault++) {
        tally->seeds_with[fault] += result->has_fault[fault] ? 1 : 0;
        tally->strikes[fault] += result->strikes[fault];
    }
    if (result->passed) {
        tally->passed++;
    } else {
        tally->failed++;
        fprintf(stderr, "\n");
        campaign_print_result(&crew->jobs[place].options, result);
    }
}

struct progress {
    double start_s, said_s;
    bool is_terminal;
};

static void tell_progress(struct progress *progress, const struct tally *tally) {
    double now = now_s();
    if (progress->is_terminal || now - progress->said_s >= PROGRESS_S) {
        progress->said_s = now;
        fprintf(stderr, "%s%.0f s: %llu seeds, %llu failed%s", progress->is_terminal ? "\r" : "",
                now - progress->start_s, (unsigned long long)(tally->passed + tally->failed),
                (unsigned long long)tally->failed, progress->is_terminal ? "" : "\n");
    }
}

static bool has_more(const struct campaign_options *options, const struct progress *progress, uint64_t begun,
                     const struct tally *tally) {
    bool is_over = options->for_s != 0 && now_s() - progress->start_s >= (double)options->for_s;
    return begun < options->count && !is_over && !is_interrupted && (tally->failed == 0 || options->keeps_going);
}

/* A fault that never came proves nothing: how many seeds had each, and how often it struck, if it is not there all the
 * time. */
static void tell_faults(const struct tally *tally) {
    printf("faults, seeds/strikes:");
    for (int fault = 0; fault < FAULT_CLASSES; fault++) {
        printf(" %s %llu", fault_text((enum fault_class)fault), (unsigned long long)tally->seeds_with[fault]);
        if (tally->strikes[fault] > 0) {
            printf("/%llu", (unsigned long long)tally->strikes[fault]);
        }
    }
    printf("\n");
}

static void tell_tally(const struct campaign_options *options, const struct progress *progress,
                       const struct tally *tally, uint64_t begun) {
    double took_s = now_s() - progress->start_s;
    printf("%sseeds %llu to %llu%s\n", progress->is_terminal ? "\n" : "", (unsigned long long)options->from,
           (unsigned long long)(options->from + begun - 1),
           is_interrupted ? ": interrupted, those under way were dropped" : "");
    printf("%.0f simulated seconds, %llu operations in %.1f s: %.0f simulated seconds per second\n", tally->simulated_s,
           (unsigned long long)tally->operations, took_s, tally->simulated_s / took_s);
    tell_faults(tally);
    printf("%llu passed, %llu failed\n", (unsigned long long)tally->passed, (unsigned long long)tally->failed);
}

int campaign_run(const struct campaign_options *options) {
    struct crew crew;
    struct tally tally = {0};
    struct progress progress = {now_s(), now_s(), isatty(STDERR_FILENO) == 1};
    uint64_t begun = 0;
    uint32_t place;
    crew_init(&crew, options->jobs);
    on_interrupts(interrupt);
    while (has_more(options, &progress, begun, &tally) || !crew_is_idle(&crew)) {
        if (is_interrupted) {
            stop_jobs(&crew);
            break;
        }
        if (has_more(options, &progress, begun, &tally) && crew_free_place(&crew, &place)) {
            struct run_options run = options->run;
            run.seed = options->from + begun++;
            job_start(&crew, place, &run);
        } else if (job_wait(&crew, &place)) {
            tally_job(&tally, &crew, place);
            tell_progress(&progress, &tally);
        }
    }
    crew_release(&crew);
    tell_tally(options, &progress, &tally, begun);
    return tally.failed > 0 ? EXIT_VIOLATION : is_interrupted ? EXIT_INTERRUPTED : EXIT_SUCCESS;
}

/* ---- planted bugs ---- */

#ifdef GRAMME_MUTANTS
static int compare_doubles(const void *a, const void *b) {
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

/* Every other life is busier: some bugs need a write at the right moment more than they need another fault. */
static struct run_options life_of_mutant(const struct campaign_options *options, enum mutant mutant, uint64_t seed) {
    enum { BUSIER = 3 };
    struct run_options run = options->run;
    run.seed = seed;
    run.mutant = mutant;
    run.operations_per_s *= seed % 2 == 0 ? BUSIER : 1;
    return run;
}

/* True when some seed finds the bug within the budget. */
static bool kill_mutant(const struct campaign_options *options, struct crew *crew, enum mutant mutant,
                        double *ret_took_s) {
    double start_s = now_s();
    uint64_t seed = options->from;
    bool killed = false;
    while (!killed && now_s() - start_s < options->budget_s) {
        uint32_t place;
        if (crew_free_place(crew, &place)) {
            struct run_options run = life_of_mutant(options, mutant, seed++);
            job_start(crew, place, &run);
            continue;
        }
        if (job_wait(crew, &place) && !crew->results[place].passed) {
            killed = true;
            *ret_took_s = now_s() - start_s;
            const struct run_options *run = &crew->jobs[place].options;
            printf("killed   %-24s %6.1f s, seed %llu at rate %llu: %s\n", mutant_name(mutant), *ret_took_s,
                   (unsigned long long)run->seed, (unsigned long long)run->operations_per_s,
                   crew->results[place].violation);
        }
    }
    stop_jobs(crew);
    if (!killed) {
        printf("SURVIVED %-24s after %u s\n", mutant_name(mutant), options->budget_s);
    }
    return killed;
}

int campaign_kill_mutants(const struct campaign_options *options) {
    struct crew crew;
    double took_s[MUTANT_COUNT];
    uint32_t killed = 0;
    uint32_t survived = 0;
    crew_init(&crew, options->jobs);
    for (int mutant = 1; mutant < MUTANT_COUNT; mutant++) {
        if (kill_mutant(options, &crew, (enum mutant)mutant, &took_s[killed])) {
            killed++;
        } else {
            survived++;
        }
    }
    crew_release(&crew);
    qsort(took_s, killed, sizeof(took_s[0]), compare_doubles);
    printf("median %.1f s to kill\n", killed == 0 ? 0.0 : took_s[killed / 2]);
    printf("%u passed, %u failed\n", killed, survived);
    return survived == 0 ? EXIT_SUCCESS : EXIT_VIOLATION;
}
#else
int campaign_kill_mutants(const struct campaign_options *options) {
    (void)options;
    fprintf(stderr, "gramme-sim: this build has no mutants: use gramme-sim-mutant\n");
    return 2;
}
#endif
