#include "cli/dev_cluster.h"

#include "cli/command.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

__attribute__((format(printf, 3, 4))) static int fail(struct dev_cluster *cluster, int code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(cluster->error, sizeof(cluster->error), format, arguments);
    va_end(arguments);
    return code;
}

/* A path below another; false when it would be too long. */
static bool join(char to[PATH_MAX], const char *folder, const char *name) {
    int size = snprintf(to, PATH_MAX, "%s/%s", folder, name);
    return size > 0 && size < PATH_MAX;
}

/* --- Folder and lock --------------------------------------------------------------------------------------------- */

static int make_folder(struct dev_cluster *cluster, const char *path) {
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return fail(cluster, EXIT_CODE_FAILURE, "cannot make the folder %s: %s", path, strerror(errno));
    }
    return EXIT_CODE_OK;
}

static int open_folder(struct dev_cluster *cluster, const char *folder) {
    int code = make_folder(cluster, folder);
    if (code != EXIT_CODE_OK) {
        return code;
    }
    if (realpath(folder, cluster->folder) == NULL) {
        return fail(cluster, EXIT_CODE_FAILURE, "cannot use the folder %s: %s", folder, strerror(errno));
    }
    if (strlen(cluster->folder) > CONFIG_PATH_SIZE - 32 || strpbrk(cluster->folder, "\"\n\r\t") != NULL) {
        return fail(cluster, EXIT_CODE_FAILURE, "the path %s is too long, or has a quote or a tab in it",
                    cluster->folder);
    }
    return EXIT_CODE_OK;
}

static int take_lock(struct dev_cluster *cluster) {
    char path[PATH_MAX];
    if (!join(path, cluster->folder, "lock")) {
        return fail(cluster, EXIT_CODE_FAILURE, "the path %s is too long", cluster->folder);
    }
    cluster->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (cluster->lock < 0) {
        return fail(cluster, EXIT_CODE_FAILURE, "cannot open %s: %s", path, strerror(errno));
    }
    if (flock(cluster->lock, LOCK_EX | LOCK_NB) != 0) {
        return fail(cluster, EXIT_CODE_FAILURE,
                    errno == EWOULDBLOCK ? "another 'gramme dev' is running the cluster in %s" : "cannot lock %s",
                    cluster->folder);
    }
    return EXIT_CODE_OK;
}

static int name_nodes(struct dev_cluster *cluster, uint32_t base_port) {
    for (uint32_t i = 0; i < cluster->node_count; i++) {
        struct dev_node *node = &cluster->nodes[i];
        char name[16];
        snprintf(name, sizeof(name), "node%u", i + 1);
        if (!join(node->folder, cluster->folder, name) || !join(node->config_path, node->folder, "gramme.conf") ||
            !join(node->log_path, node->folder, "gramme.log")) {
            return fail(cluster, EXIT_CODE_FAILURE, "the path %s is too long", cluster->folder);
        }
        node->client_port = (uint16_t)(base_port + i);
        node->peer_port = (uint16_t)(base_port + i + DEV_PEER_PORT_STEP);
    }
    return EXIT_CODE_OK;
}

/* --- Ports ------------------------------------------------------------------------------------------------------- */

/* As the node will bind it, so that connections of a former run that linger don't count. */
static bool port_is_free(uint16_t port) {
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        return false;
    }
    int yes = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    bool is_free = bind(descriptor, (const struct sockaddr *)&address, sizeof(address)) == 0;
    int error = errno;
    close(descriptor);
    errno = error;
    return is_free;
}

static int check_ports(struct dev_cluster *cluster) {
    for (uint32_t i = 0; i < cluster->node_count; i++) {
        const uint16_t ports[] = {cluster->nodes[i].client_port, cluster->nodes[i].peer_port};
        for (size_t j = 0; j < 2; j++) {
            if (!port_is_free(ports[j])) {
                return fail(cluster, EXIT_CODE_FAILURE, "port %u of 127.0.0.1, for %s of node%u, cannot be used: %s%s",
                            ports[j], j == 0 ? "the clients" : "the peers", i + 1, strerror(errno),
                            cluster->is_new ? "; choose another --base-port" : "");
            }
        }
    }
    return EXIT_CODE_OK;
}

/* --- A new cluster ----------------------------------------------------------------------------------------------- */

struct birth {
    char cluster[NODE_ID_TEXT_SIZE];
    char secret[NODE_ID_TEXT_SIZE];
    char nodes[DEV_NODES_MOST][NODE_ID_TEXT_SIZE];
};

static bool draw_id(char text[NODE_ID_TEXT_SIZE]) {
    struct node_id id;
    if (getrandom(id.bytes, sizeof(id.bytes), 0) != (ssize_t)sizeof(id.bytes)) {
        return false;
    }
    node_id_to_text(id, text);
    return true;
}

static bool draw_birth(struct birth *birth, uint32_t nodes) {
    bool drawn = draw_id(birth->cluster) && draw_id(birth->secret);
    for (uint32_t i = 0; drawn && i < nodes; i++) {
        drawn = draw_id(birth->nodes[i]);
    }
    return drawn;
}

static void write_config(FILE *file, const struct dev_cluster *cluster, const struct birth *birth,
                         const struct dev_shape *shape, uint32_t own) {
    fprintf(file, "# Made by 'gramme dev'. 'gramme check-config' tells whether a change is legal.\n");
    fprintf(file, "cluster-id %s\ncluster-secret %s\nnode-id %s\n", birth->cluster, birth->secret, birth->nodes[own]);
    fprintf(file, "data \"%s/data\"\n", cluster->nodes[own].folder);
    fprintf(file, "storage %s\n", shape->storage != NULL ? shape->storage : "rocksdb");
    fprintf(file, "durability %s\n", shape->durability != NULL ? shape->durability : "sync");
    fprintf(file, "shards %u\n", shape->shards != 0 ? shape->shards : 1);
    fprintf(file, "replicas %u\n", shape->replicas != 0 ? shape->replicas : 3);
    if (shape->read_quorum != 0) {
        fprintf(file, "read-quorum %u\n", shape->read_quorum);
    }
    if (shape->write_quorum != 0) {
        fprintf(file, "write-quorum %u\n", shape->write_quorum);
    }
    fprintf(file, "object-buffer 64mb\n");
    for (uint32_t i = 0; i < cluster->node_count; i++) {
        fprintf(file, "member %s local 1 127.0.0.1:%u 127.0.0.1:%u\n", birth->nodes[i], cluster->nodes[i].client_port,
                cluster->nodes[i].peer_port);
    }
}

/* The text of a node's gramme.conf, for the caller to free; NULL when there is no memory for it. */
static char *config_text(const struct dev_cluster *cluster, const struct birth *birth, const struct dev_shape *shape,
                         uint32_t own) {
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    if (file == NULL) {
        return NULL;
    }
    write_config(file, cluster, birth, shape, own);
    return fclose(file) == 0 ? text : NULL;
}

/* Nothing is made of options that contradict each other. */
static int check_shape(struct dev_cluster *cluster, const struct birth *birth, const struct dev_shape *shape) {
    struct config config;
    struct config_error error;
    char *text = config_text(cluster, birth, shape, 0);
    if (text == NULL) {
        return fail(cluster, EXIT_CODE_FAILURE, "out of memory");
    }
    bool legal = config_parse(view_of_string(text), "gramme.conf", &config, &error);
    free(text);
    if (!legal) {
        const char *sentence = strstr(error.text, ": ");
        return fail(cluster, EXIT_CODE_USAGE, "these options do not go together: %s",
                    sentence == NULL ? error.text : sentence + 2);
    }
    config_release(&config);
    return EXIT_CODE_OK;
}

/* Flushed to the disk: a power cut must not leave a node with data and without its identity. */
static int write_file(struct dev_cluster *cluster, const char *path, const char *text) {
    int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    size_t size = strlen(text);
    bool written = descriptor >= 0 && write(descriptor, text, size) == (ssize_t)size && fsync(descriptor) == 0;
    int error = errno;
    if (descriptor >= 0) {
        close(descriptor);
    }
    return written ? EXIT_CODE_OK : fail(cluster, EXIT_CODE_FAILURE, "cannot write %s: %s", path, strerror(error));
}

static int make_node(struct dev_cluster *cluster, const struct birth *birth, const struct dev_shape *shape,
                     uint32_t own) {
    const struct dev_node *node = &cluster->nodes[own];
    int code = make_folder(cluster, node->folder);
    char *text = config_text(cluster, birth, shape, own);
    if (code == EXIT_CODE_OK) {
        code = text == NULL ? fail(cluster, EXIT_CODE_FAILURE, "out of memory")
                            : write_file(cluster, node->config_path, text);
    }
    free(text);
    return code;
}

static int check_folders(struct dev_cluster *cluster) {
    char data[PATH_MAX];
    for (uint32_t i = 0; i < cluster->node_count; i++) {
        if (!join(data, cluster->nodes[i].folder, "data") || access(data, F_OK) == 0) {
            return fail(cluster, EXIT_CODE_FAILURE, "%s has data, but %s/cluster is missing: is that another cluster?",
                        cluster->nodes[i].folder, cluster->folder);
        }
    }
    return EXIT_CODE_OK;
}

static int make_cluster(struct dev_cluster *cluster, const char *marker, const struct dev_shape *shape) {
    struct birth birth;
    cluster->is_new = true;
    cluster->node_count = shape->nodes != 0 ? shape->nodes : 3;
    if (!draw_birth(&birth, cluster->node_count)) {
        return fail(cluster, EXIT_CODE_FAILURE, "cannot get random numbers: %s", strerror(errno));
    }
    int code = name_nodes(cluster, shape->base_port != 0 ? shape->base_port : 7001);
    if (code == EXIT_CODE_OK) {
        code = check_shape(cluster, &birth, shape);
    }
    if (code == EXIT_CODE_OK) {
        code = check_folders(cluster);
    }
    if (code == EXIT_CODE_OK) {
        code = check_ports(cluster);
    }
    for (uint32_t i = 0; code == EXIT_CODE_OK && i < cluster->node_count; i++) {
        code = make_node(cluster, &birth, shape, i);
    }
    if (code != EXIT_CODE_OK) {
        return code;
    }
    char text[64];
    snprintf(text, sizeof(text), "nodes %u\nbase-port %u\n", cluster->node_count, cluster->nodes[0].client_port);
    return write_file(cluster, marker, text);
}

/* --- One that is there ------------------------------------------------------------------------------------------- */

static const char *durability_name(enum durability durability) {
    return durability == DURABILITY_SYNC ? "sync" : durability == DURABILITY_INTERVAL ? "interval" : "none";
}

static int differs(struct dev_cluster *cluster, const char *option, const char *asked, const char *present) {
    return fail(cluster, EXIT_CODE_USAGE,
                "the cluster in %s has --%s %s, not %s: leave the option out to start it as it is, or choose another "
                "--data folder for a new one",
                cluster->folder, option, present, asked);
}

static int compare_number(struct dev_cluster *cluster, const char *option, uint32_t asked, uint32_t present) {
    if (asked == 0 || asked == present) {
        return EXIT_CODE_OK;
    }
    char asked_text[16];
    char present_text[16];
    snprintf(asked_text, sizeof(asked_text), "%u", asked);
    snprintf(present_text, sizeof(present_text), "%u", present);
    return differs(cluster, option, asked_text, present_text);
}

static int compare_text(struct dev_cluster *cluster, const char *option, const char *asked, const char *present) {
    return asked == NULL || strcmp(asked, present) == 0 ? EXIT_CODE_OK : differs(cluster, option, asked, present);
}

static int first_failure(const int *codes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (codes[i] != EXIT_CODE_OK) {
            return codes[i];
        }
    }
    return EXIT_CODE_OK;
}

static int compare_shape(struct dev_cluster *cluster, const struct config *config, const struct dev_shape *shape) {
    const struct keyspace *defaults = &config->keyspaces.keyspaces[0];
    const int codes[] = {
        compare_number(cluster, "shards", shape->shards, config->shards),
        compare_number(cluster, "replicas", shape->replicas, config->replicas),
        compare_number(cluster, "read-quorum", shape->read_quorum, defaults->read_quorum),
        compare_number(cluster, "write-quorum", shape->write_quorum, defaults->write_quorum),
        compare_text(cluster, "storage", shape->storage,
                     config->storage == CONFIG_STORAGE_MEMORY ? "memory" : "rocksdb"),
        compare_text(cluster, "durability", shape->durability, durability_name(defaults->durability)),
    };
    return first_failure(codes, sizeof(codes) / sizeof(codes[0]));
}

/* The files may have been edited; what they say is taken, if it still is a cluster of this folder. */
static int load_node(struct dev_cluster *cluster, struct dev_node *node, const struct dev_shape *shape) {
    struct config config;
    struct config_error error;
    char host[MEMBER_ADDRESS_SIZE];
    if (!config_load(node->config_path, &config, &error)) {
        return fail(cluster, EXIT_CODE_CONFIGURATION, "%s", error.text);
    }
    const struct member *self = &config.members[config.self];
    size_t folder_size = strlen(node->folder);
    int code = EXIT_CODE_OK;
    if (config.storage != CONFIG_STORAGE_MEMORY &&
        (strncmp(config.data, node->folder, folder_size) != 0 || config.data[folder_size] != '/')) {
        code = fail(cluster, EXIT_CODE_CONFIGURATION,
                    "%s keeps its data in %s, outside of its folder: was the cluster moved or copied? Correct 'data' "
                    "in all its gramme.conf files",
                    node->config_path, config.data);
    } else if (config.member_count != cluster->node_count) {
        code = fail(cluster, EXIT_CODE_CONFIGURATION, "%s has %zu members, but the cluster has %u nodes",
                    node->config_path, config.member_count, cluster->node_count);
    } else {
        bool split = config_split_address(self->client_address, host, &node->client_port) &&
                     config_split_address(self->peer_address, host, &node->peer_port);
        code = split ? compare_shape(cluster, &config, shape)
                     : fail(cluster, EXIT_CODE_CONFIGURATION, "%s: bad address", node->config_path);
    }
    config_release(&config);
    return code;
}

static int load_cluster(struct dev_cluster *cluster, const char *marker, const struct dev_shape *shape) {
    unsigned nodes = 0;
    unsigned base_port = 0;
    FILE *file = fopen(marker, "re");
    int read = file == NULL ? 0 : fscanf(file, "nodes %u base-port %u", &nodes, &base_port);
    if (file != NULL) {
        fclose(file);
    }
    if (read != 2 || nodes < 1 || nodes > DEV_NODES_MOST || base_port < 1 || base_port > UINT16_MAX) {
        return fail(cluster, EXIT_CODE_CONFIGURATION, "%s is not what 'gramme dev' writes there", marker);
    }
    cluster->node_count = nodes;
    if (compare_number(cluster, "nodes", shape->nodes, nodes) != EXIT_CODE_OK ||
        compare_number(cluster, "base-port", shape->base_port, base_port) != EXIT_CODE_OK) {
        return EXIT_CODE_USAGE;
    }
    int code = name_nodes(cluster, base_port);
    for (uint32_t i = 0; code == EXIT_CODE_OK && i < nodes; i++) {
        code = load_node(cluster, &cluster->nodes[i], shape);
    }
    return code == EXIT_CODE_OK ? check_ports(cluster) : code;
}

int dev_cluster_open(struct dev_cluster *cluster, const char *folder, const struct dev_shape *shape) {
    memset(cluster, 0, sizeof(*cluster));
    cluster->lock = -1;
    char marker[PATH_MAX];
    int code = open_folder(cluster, folder);
    if (code == EXIT_CODE_OK) {
        code = take_lock(cluster);
    }
    if (code != EXIT_CODE_OK) {
        return code;
    }
    if (!join(marker, cluster->folder, "cluster")) {
        return fail(cluster, EXIT_CODE_FAILURE, "the path %s is too long", cluster->folder);
    }
    return access(marker, F_OK) == 0 ? load_cluster(cluster, marker, shape) : make_cluster(cluster, marker, shape);
}

void dev_cluster_close(struct dev_cluster *cluster) {
    if (cluster->lock >= 0) {
        close(cluster->lock);
        cluster->lock = -1;
    }
}
