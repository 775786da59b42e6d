#include "cli/dev_nodes.h"

#include "server/client.h"
#include "server/clock.h"
#include "cli/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROBE_TIMEOUT_MS = 1000, LOG_TAIL_BYTES = 2000, LOG_TAIL_LINES = 8 };

void dev_nodes_init(struct dev_nodes *nodes, const struct dev_cluster *cluster) {
    memset(nodes, 0, sizeof(*nodes));
    nodes->cluster = cluster;
    sigemptyset(&nodes->signals);
    sigaddset(&nodes->signals, SIGINT);
    sigaddset(&nodes->signals, SIGTERM);
    sigaddset(&nodes->signals, SIGHUP);
    sigaddset(&nodes->signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &nodes->signals, NULL);
}

/* --- Starting ---------------------------------------------------------------------------------------------------- */

/* In the child, which says why in the node's log when it can't become the node. */
_Noreturn static void become_node(const struct dev_nodes *nodes, const struct dev_node *node, int log, pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) {
        _exit(EXIT_CODE_FAILURE); /* it died before it could be watched */
    }
    setpgid(0, 0);
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    dup2(nothing, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    sigprocmask(SIG_UNBLOCK, &nodes->signals, NULL);
    char *const arguments[] = {(char[]){"gramme"}, (char[]){"server"}, (char[]){"--config"},
                               (char *)(uintptr_t)node->config_path, NULL};
    execv("/proc/self/exe", arguments);
    perror("cannot execute /proc/self/exe");
    _exit(EXIT_CODE_FAILURE);
}

static bool start_node(struct dev_nodes *nodes, uint32_t index) {
    const struct dev_node *node = &nodes->cluster->nodes[index];
    pid_t parent = getpid();
    int log = open(node->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log < 0) {
        fprintf(stderr, "gramme dev: cannot open %s: %s\n", node->log_path, strerror(errno));
        return false;
    }
    pid_t pid = fork();
    if (pid == 0) {
        become_node(nodes, node, log, parent);
    }
    if (pid < 0) {
        fprintf(stderr, "gramme dev: cannot start node%u: %s\n", index + 1, strerror(errno));
    } else {
        nodes->processes[index] = (struct dev_process){.pid = pid};
    }
    close(log);
    return pid > 0;
}

bool dev_nodes_start(struct dev_nodes *nodes) {
    fflush(NULL);
    for (uint32_t i = 0; i < nodes->cluster->node_count; i++) {
        if (!start_node(nodes, i)) {
            return false;
        }
    }
    return true;
}

/* --- Watching ---------------------------------------------------------------------------------------------------- */

static void print_log_tail(const char *path) {
    char text[LOG_TAIL_BYTES + 1];
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return;
    }
    if (fseek(file, -LOG_TAIL_BYTES, SEEK_END) != 0) {
        rewind(file);
    }
    size_t size = fread(text, 1, LOG_TAIL_BYTES, file);
    fclose(file);
    text[size] = '\0';
    size_t from = size;
    for (size_t lines = 0; from > 0; from--) {
        lines += text[from - 1] == '\n';
        if (lines > LOG_TAIL_LINES) {
            break;
        }
    }
    fprintf(stderr, "The end of %s:\n%s%s", path, text + from, size > 0 && text[size - 1] != '\n' ? "\n" : "");
}

static void report_death(const struct dev_nodes *nodes, uint32_t index, int status) {
    const char *log = nodes->cluster->nodes[index].log_path;
    int pid = (int)nodes->processes[index].pid;
    if (WIFSIGNALED(status)) {
        fprintf(stderr, "gramme dev: node%u (pid %d) was killed by signal %d (%s); it is not restarted\n", index + 1,
                pid, WTERMSIG(status), strsignal(WTERMSIG(status)));
    } else {
        fprintf(stderr, "gramme dev: node%u (pid %d) ended with exit code %d; it is not restarted\n", index + 1, pid,
                WEXITSTATUS(status));
    }
    print_log_tail(log);
}

/* Takes the nodes that ended; returns how many did not end as asked. */
static uint32_t reap(struct dev_nodes *nodes, bool stopping) {
    uint32_t unexpected = 0;
    for (uint32_t i = 0; i < nodes->cluster->node_count; i++) {
        struct dev_process *process = &nodes->processes[i];
        int status;
        if (process->pid != 0 && waitpid(process->pid, &status, WNOHANG) == process->pid) {
            /* A node that was told to stop before it could listen for that dies of the signal. */
            bool as_asked = (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_CODE_OK) ||
                            (WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
            if (!stopping || !as_asked) {
                report_death(nodes, i, status);
                unexpected++;
            }
            *process = (struct dev_process){0};
        }
    }
    return unexpected;
}

static int wait_for_signal(const struct dev_nodes *nodes, int timeout_ms) {
    struct timespec timeout = {.tv_sec = timeout_ms / 1000, .tv_nsec = (long)(timeout_ms % 1000) * 1000000};
    return timeout_ms < 0 ? sigwaitinfo(&nodes->signals, NULL) : sigtimedwait(&nodes->signals, NULL, &timeout);
}

enum dev_event dev_nodes_wait(struct dev_nodes *nodes, int timeout_ms) {
    int64_t deadline_ms = clock_now_ms() + timeout_ms;
    for (;;) {
        int left_ms = timeout_ms < 0 ? -1 : (int)(deadline_ms - clock_now_ms());
        if (timeout_ms >= 0 && left_ms <= 0) {
            return DEV_EVENT_NONE;
        }
        int number = wait_for_signal(nodes, left_ms);
        if (number == SIGCHLD && reap(nodes, false) > 0) {
            return DEV_EVENT_NONE;
        }
        if (number == SIGINT || number == SIGTERM || number == SIGHUP) {
            return DEV_EVENT_STOP;
        }
    }
}

uint32_t dev_nodes_running(const struct dev_nodes *nodes) {
    uint32_t running = 0;
    for (uint32_t i = 0; i < nodes->cluster->node_count; i++) {
        running += nodes->processes[i].pid != 0;
    }
    return running;
}

/* --- Readiness --------------------------------------------------------------------------------------------------- */

static bool reply_is(const struct resp_reply *reply, enum resp_reply_kind kind, struct view text) {
    return reply->kind == kind && view_equal(reply->text, text);
}

static bool contains(struct view text, struct view part) {
    return memmem(text.data, text.size, part.data, part.size) != NULL;
}

static bool node_is_ready(const struct dev_node *node) {
    static const struct view ping[] = {{(const uint8_t *)"PING", 4}};
    static const struct view info[] = {{(const uint8_t *)"INFO", 4}};
    const struct resp_reply *reply;
    struct client client;
    client_init(&client);
    bool ready = client_connect(&client, "127.0.0.1", node->client_port, PROBE_TIMEOUT_MS) &&
                 client_ask(&client, ping, 1, PROBE_TIMEOUT_MS, &reply) &&
                 reply_is(reply, RESP_REPLY_SIMPLE, VIEW("PONG")) &&
                 client_ask(&client, info, 1, PROBE_TIMEOUT_MS, &reply) && reply->kind == RESP_REPLY_BULK &&
                 contains(reply->text, VIEW("\ngramme_ready:1\r"));
    client_release(&client);
    return ready;
}

bool dev_nodes_are_ready(struct dev_nodes *nodes) {
    bool all = true;
    for (uint32_t i = 0; i < nodes->cluster->node_count; i++) {
        struct dev_process *process = &nodes->processes[i];
        process->is_ready = process->is_ready || (process->pid != 0 && node_is_ready(&nodes->cluster->nodes[i]));
        all = all && process->is_ready;
    }
    return all;
}

/* --- Stopping ---------------------------------------------------------------------------------------------------- */

static void send_to_all(const struct dev_nodes *nodes, int number) {
    for (uint32_t i = 0; i < nodes->cluster->node_count; i++) {
        if (nodes->processes[i].pid != 0) {
            kill(nodes->processes[i].pid, number);
        }
    }
}

bool dev_nodes_stop(struct dev_nodes *nodes, int timeout_ms) {
    int64_t deadline_ms = clock_now_ms() + timeout_ms;
    bool killed = false;
    send_to_all(nodes, SIGTERM);
    uint32_t unexpected = reap(nodes, true);
    while (dev_nodes_running(nodes) > 0) {
        int64_t left_ms = deadline_ms - clock_now_ms();
        int number = left_ms > 0 || killed ? wait_for_signal(nodes, killed ? 1000 : (int)left_ms) : -1;
        unexpected += reap(nodes, true);
        bool impatient = number == SIGINT || number == SIGTERM;
        if (!killed && dev_nodes_running(nodes) > 0 && (impatient || clock_now_ms() >= deadline_ms)) {
            fprintf(stderr, "gramme dev: %u nodes have not stopped%s: killing them\n", dev_nodes_running(nodes),
                    impatient ? "" : " in time");
            send_to_all(nodes, SIGKILL);
            killed = true;
        }
    }
    return unexpected == 0;
}
