#include "cli/command.h"
#include "server/server.h"
#include "wire/message.h"

int main(int argc, char **argv) {
#ifdef GRAMME_PROTOCOL_VERSION
    server_speak(GRAMME_PROTOCOL_VERSION);
#endif
    return cli_run(argc, argv);
}
